# SPDX-License-Identifier: BSD-2-Clause
"""What a resize costs where every second pageblock is held, so that no two idle ones are neighbours."""

import re
from typing import Iterator

from .guest import Guest
from .insn_count import InsnCount
from .qemu import Qemu
from .units import MIB

PAGEBLOCK = 2 * MIB
WAIT_SECONDS = 300


def hold(guest: Guest) -> int:
    """Hold every second pageblock of plugged memory; how many these are."""
    return _reported(guest, "bench checkerboard", "holds")


def release(guest: Guest) -> None:
    _reported(guest, "bench checkerboard stop", "ended")


def _reported(guest: Guest, command: str, what: str) -> int:
    mark = guest.console.mark()
    answer = guest.command(command)
    if "error" in answer:
        raise RuntimeError(f"the guest refused: {answer.strip()}")
    pattern = rf"\bbench: checkerboard {what} pageblocks=(\d+)\n"
    return int(guest.console.wait(pattern, mark, WAIT_SECONDS).group(1))


def resize(qemu: Qemu, size: int) -> None:
    mark = qemu.guest.console.mark()
    qemu.set_requested("vmem0", size)
    qemu.guest.wait_settled("vmem0", size, mark, WAIT_SECONDS)


def longest_passes(qemu: Qemu, size: int, count: InsnCount) -> Iterator[tuple[str, int]]:
    """The longest pass of the main loop, in instructions, while the guest does each of these."""
    count.longest()
    resize(qemu, size)
    yield "grow", count.longest()
    hold(qemu.guest)
    yield "hold", count.longest()
    mark = qemu.guest.console.mark()
    qemu.set_requested("vmem0", size // 4)
    qemu.guest.console.wait(r"blocks stay plugged", mark, WAIT_SECONDS)
    yield "shrink to what is held", count.longest()
    if not re.search(r"^  requested=", qemu.guest.command("status"), re.MULTILINE):
        raise RuntimeError("status does not show the device")
    yield "status", count.longest()
    resize(qemu, size)
    yield "regrow", count.longest()
    release(qemu.guest)
    yield "free", count.longest()
    resize(qemu, 0)
    yield "shrink to 0", count.longest()

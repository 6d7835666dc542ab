# SPDX-License-Identifier: BSD-2-Clause
"""What a shrink gets back while memory is held in scattered chunks: a sweep of occupancy and movable share.

One boot serves every case: grow, fill with chunks, free some at random, ask for
all free memory in whole blocks, see how much of it the host got, check every
chunk's contents, shrink to nothing.
"""

import re
import time
from dataclasses import dataclass
from typing import Callable

from .guest import Guest
from .qemu import Qemu
from .qmp import WAIT_SECONDS
from .units import KIB, MIB

BLOCK = 2 * MIB
CHUNK = 64 * KIB
OCCUPANCIES = range(0, 100, 10)
BENCH_OCCUPANCY = 42  # where one case stands for all
SHARES = (0, 25, 50, 75, 100)


class ContentsLost(Exception):
    """A chunk was not what it should be, or is missing."""


@dataclass(frozen=True)
class Reclaimed:
    """One case: bytes, and blocks that pages which cannot be moved keep plugged."""

    occupancy: int
    movable: int
    held: int
    best: int  # all that is free, in whole blocks
    reclaimed: int
    pinned_blocks: int
    moved_chunks: int


def hold(guest: Guest, size: int, chunk: int, occupancy: int, movable: int) -> dict[str, int]:
    """Fill `size` with chunks and free some: the numbers of the workload's line."""
    answer = guest.command(f"workload random seed={occupancy + movable + 1} size={size} chunk={chunk}"
                           f" occupancy={occupancy} movable={movable} ticks=0 tick=0")  # fmt: skip
    if not answer.startswith("workload: state="):
        raise RuntimeError(f"the workload did not start: {answer.strip()}")
    deadline = time.monotonic() + WAIT_SECONDS
    # An answer may have come garbled: it is asked for again.
    while "state=done" not in answer:
        if "state=failed" in answer or time.monotonic() > deadline:
            raise RuntimeError(f"the workload does not end: {answer.strip()}")
        time.sleep(0.02)
        answer = guest.command("workload")
    return numbers(answer)


def numbers(line: str) -> dict[str, int]:
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line)}


def release(guest: Guest) -> dict[str, int]:
    """Stop the workload, which checks the patterns of every chunk; the numbers of its line."""
    answer = guest.command("workload stop")
    line = numbers(answer)
    if "workload: error" in answer or line.get("allocs") != line.get("frees"):
        raise ContentsLost(answer.strip())
    return line


def grow(qemu: Qemu, size: int) -> None:
    if qemu.requested("vmem0") == size:
        return
    mark = qemu.guest.console.mark()
    qemu.set_requested("vmem0", size)
    qemu.guest.wait_settled("vmem0", size, mark)


def measure(qemu: Qemu, size: int, occupancy: int, movable: int) -> Reclaimed:
    """One case, on a guest that has nothing plugged; it has nothing again at the end."""
    grow(qemu, size)
    held = hold(qemu.guest, size, CHUNK, occupancy, movable)["held"]
    target = (held + BLOCK - 1) // BLOCK * BLOCK
    mark = qemu.guest.console.mark()
    if target < size:
        qemu.set_requested("vmem0", target)
        qemu.guest.console.wait(
            rf"^(?:tide> )*vmem0: (?:settled requested={target} |warning: requested={target} .*in use)",
            mark)  # fmt: skip
    reclaimed = size - qemu.size("vmem0")
    pinned = numbers(qemu.guest.command("status")).get("user", 0)
    moved = release(qemu.guest)["moved"]
    grow(qemu, 0)
    return Reclaimed(occupancy, movable, held, size - target, reclaimed, pinned, moved)


def sweep(qemu: Qemu, size: int, tell: Callable[[str], None]) -> list[Reclaimed]:
    qemu.guest.wait_ready()
    cases = []
    for occupancy in OCCUPANCIES:
        tell(f"giving back memory at {occupancy} % occupancy")
        cases += [measure(qemu, size, occupancy, movable) for movable in SHARES]
    return cases


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"

# SPDX-License-Identifier: BSD-2-Clause
"""Where things are, and steps that several tests take, judged from the host's side."""

import os
import re
from pathlib import Path
from typing import Callable

from tide.guest import WAIT_SECONDS, Guest, Settled
from tide.qemu import Qemu

TREE = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("TIDE_BUILD", TREE / "build"))
IMAGE = BUILD / "tide.elf"
DEBUG_IMAGE = BUILD / "debug/tide.elf"
CORE_IMAGE = BUILD / "core/tide.elf"
WORKLOAD_IMAGE = BUILD / "core/workload/tide.elf"
LIFE_SECONDS = 1800.0  # of one QEMU; only a hang meets it

AT_WORK = "error: stats: check: processors are at work"


class CheckedGuest(Guest):
    """The guest, whose allocator recomputes every counter after each resize that a test waited for."""

    def wait_settled(
        self, device: str, requested: int, start: int = 0, wait_seconds: float = WAIT_SECONDS
    ) -> Settled:
        settled = super().wait_settled(device, requested, start, wait_seconds)
        self.check_allocator(wait_seconds)
        return settled

    def check_allocator(self, wait_seconds: float = WAIT_SECONDS) -> None:
        """A wrong counter panics, which fails the wait; other processors at work forbid the check."""
        output = self.command("stats check", wait_seconds)
        assert output in ("stats: check: ok\n", f"{AT_WORK}\n"), output


Boot = Callable[..., Qemu]  # the fixture `boot` of conftest.py


def callers_in(report: str) -> list[str]:
    """The functions of a call stack that the guest has printed, innermost first."""
    return re.findall(r"^ +#\d+ 0x\w+(?: (\w+)\+0x\w+)?$", report.replace("\r", ""), re.MULTILINE)


def resize(qemu: Qemu, device: str, size: int) -> Settled:
    """Ask for a size and wait until guest and host agree that it is reached."""
    mark = qemu.guest.console.mark()
    qemu.set_requested(device, size)
    settled = qemu.guest.wait_settled(device, size, mark)
    assert settled.plugged == size, "the guest's own count"
    assert qemu.size(device) == size, "QEMU's count"
    assert settled.usable >= size
    return settled


def wait_churned(qemu: Qemu) -> None:
    """Wait until another processor has freed a page: less is in use than a moment before. Nothing else may free."""
    most = 0

    def is_freed() -> bool:
        nonlocal most
        stats = qemu.guest.stats()
        used = stats["boot used"] + stats["plugged used"]
        most = max(most, used)
        return used < most

    qemu.wait_for(is_freed, "another processor to free a page")


def switch_off(qemu: Qemu, device: str) -> None:
    """`off`, and until the device has agreed: QEMU may answer its UNPLUG ALL at once or later."""
    answer = qemu.guest.command(f"off {device}")
    assert answer in (f"off: {device} is off\n", f"off: {device} goes off when the device agrees\n")
    qemu.wait_for(lambda: device not in qemu.guest.command("status"), f"{device} to be off")


def requests_of(qemu: Qemu, since: int = 0) -> list[tuple[str, str | None]]:
    """(kind, reply) of each request that QEMU saw, from the since-th on."""
    return [(request.kind, request.reply) for request in qemu.trace().requests[since:]]


def nr_requests(qemu: Qemu) -> int:
    return len(qemu.trace().requests)

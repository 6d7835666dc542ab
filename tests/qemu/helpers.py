# SPDX-License-Identifier: BSD-2-Clause
"""Where things are, and steps that several tests take, judged from the host's side."""

import os
from pathlib import Path
from typing import Callable

from tide.guest import Settled
from tide.qemu import Qemu

TREE = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("TIDE_BUILD", TREE / "build"))
IMAGE = BUILD / "tide.elf"
LIFE_SECONDS = 400.0  # of one QEMU

Boot = Callable[..., Qemu]  # the fixture `boot` of conftest.py


def resize(qemu: Qemu, device: str, size: int) -> Settled:
    """Ask for a size and wait until guest and host agree that it is reached."""
    mark = qemu.guest.console.mark()
    qemu.set_requested(device, size)
    settled = qemu.guest.wait_settled(device, size, mark)
    assert settled.plugged == size, "the guest's own count"
    assert qemu.size(device) == size, "QEMU's count"
    assert settled.usable >= size
    return settled


def requests_of(qemu: Qemu, since: int = 0) -> list[tuple[str, str | None]]:
    """(kind, reply) of each request that QEMU saw, from the since-th on."""
    return [(request.kind, request.reply) for request in qemu.trace().requests[since:]]


def nr_requests(qemu: Qemu) -> int:
    return len(qemu.trace().requests)

# SPDX-License-Identifier: BSD-2-Clause
"""What a resize costs the host in accesses to devices, each an exit under KVM, by QEMU's own trace.

A slow look, which no event causes, may fall into a resize on a slow host: so each
size is reached several times, and the least counts.
"""

import time
from collections import Counter
from pathlib import Path
from typing import Callable

import pytest
from helpers import Boot, resize
from tide import reclaim
from tide.accesses import TRACE, Access, by_register, count, join_strings, read_accesses
from tide.exits import kind_of
from tide.machine import MemDevice
from tide.qemu import Qemu
from tide.units import GIB, KIB, MIB

SIZES = (2 * MIB, GIB, 8 * GIB)
TIMES = 3
LOOK = {("config_generation", "read"): 2, ("requested_size", "read"): 1, ("requested_size, high", "read"): 1}
SLOW_LOOK = 20  # accesses a second at most, whatever happens


def answers_at_once(version: tuple[int, ...], size: int) -> MemDevice:
    """A device that answers inside the notification, as each does before QEMU 8."""
    return MemDevice("vmem0", size=size, reserve=False, options={} if version < (8, 0) else {"ioeventfd": "off"})


def accesses_of(qemu: Qemu, work: Callable[[], None]) -> list[Access]:
    """From when the work begins until the monitor is typed at."""
    log: Path = qemu.folder / "trace.log"
    start = log.stat().st_size
    work()
    qemu.guest.command("status")
    accesses = read_accesses(log, start)
    typed = next(i for i, a in enumerate(accesses) if (a.device, a.register, a.is_write) == ("serial", "data", False))
    return accesses[:typed]


def reach(qemu: Qemu, size: int) -> list[Access]:
    """Those of one resize without a line to the console, less the look that finds the typed byte."""

    def work() -> None:
        qemu.set_requested("vmem0", size)
        qemu.wait_size("vmem0", size)

    return [a for a in accesses_of(qemu, work) if a.device != "serial"]


def least(qemu: Qemu, size: int) -> list[Access]:
    tries = []
    for _ in range(TIMES):
        tries.append(reach(qemu, size))
        reach(qemu, 0)
    return min(tries, key=len)


def virtio(accesses: list[Access]) -> dict[tuple[str, str], int]:
    by_name = by_register(a for a in accesses if a.is_virtio)
    return {(register, way): times for (_, register, way), times in by_name.items()}


def test_intx(boot: Boot, qemu_version: tuple[int, ...]) -> None:
    """The interrupt, the new size, the notification; its answer needs no second interrupt."""
    device = answers_at_once(qemu_version, 8 * GIB)
    qemu = boot(device, extra=TRACE, append="log=error virtio_mem.irq=intx")
    reach(qemu, 4 * MIB)  # QEMU interrupts for the first answer in any case
    for size in SIZES:
        accesses = least(qemu, size)
        assert virtio(accesses) == LOOK | {("ISR", "read"): 1, ("notify", "write"): 1}, size
        assert count(accesses, "pic") == 2 and count(accesses) == 8, size


@pytest.mark.parametrize("ioeventfd", ("on", "off"))
def test_msix(boot: Boot, qemu_version: tuple[int, ...], ioeventfd: str) -> None:
    """With ioeventfd a notification is not in the trace, and may be answered later, with an interrupt."""
    if qemu_version < (8, 0):
        pytest.skip("virtio-mem-pci has no MSI-X before QEMU 8")
    device = MemDevice("vmem0", size=8 * GIB, reserve=False, options={"ioeventfd": ioeventfd})
    qemu = boot(device, extra=TRACE, append="log=error virtio_mem.irq=msix")
    reach(qemu, 4 * MIB)
    for size in SIZES:
        accesses = least(qemu, size)
        notify = {} if ioeventfd == "on" else {("notify", "write"): 1}
        assert virtio(accesses) == LOOK | notify, size
        ends = count(accesses, "apic-msi")
        assert ends <= (2 if ioeventfd == "on" else 1), size
        assert count(accesses) == sum(LOOK.values()) + len(notify) + ends, size


def test_with_its_line(boot: Boot, qemu_version: tuple[int, ...]) -> None:
    """The settled line fills the serial port's queue 16 bytes at a time, with one look at its status each."""
    qemu = boot(answers_at_once(qemu_version, 8 * GIB), extra=TRACE, append="virtio_mem.irq=intx")
    resize(qemu, "vmem0", 4 * MIB)
    tries = []
    for size in SIZES:
        mark = qemu.guest.console.mark()

        def work() -> None:
            qemu.set_requested("vmem0", size)
            qemu.guest.wait_settled("vmem0", size, mark)
            qemu.guest.console.wait("tide> $", mark)

        accesses = join_strings(accesses_of(qemu, work))
        last = max(i for i, a in enumerate(accesses) if (a.device, a.register) == ("serial", "data"))
        tries.append(accesses[: last + 1])
    assert min(count(accesses) for accesses in tries) <= 30
    for accesses in tries:
        assert by_register(accesses)["serial", "line_status", "read"] <= by_register(accesses)["serial", "data", "write"] + 1


@pytest.mark.parametrize("irq", ("intx", "poll"))
def test_while_pages_move(boot: Boot, qemu_version: tuple[int, ...], irq: str) -> None:
    """141 MiB are moved in steps of 2 MiB at most: no step looks at the device."""
    device = answers_at_once(qemu_version, GIB)
    qemu = boot(device, extra=TRACE, append=f"log=error virtio_mem.irq={irq}")
    reach(qemu, GIB)
    reclaim.hold(qemu.guest, GIB, 256 * KIB, 42, 100)
    began = time.monotonic()
    accesses = reach(qemu, GIB // 2)
    seconds = time.monotonic() - began
    moved = reclaim.release(qemu.guest)["moved"]
    assert moved > 500
    polls = virtio(accesses).get(("ISR", "read"), 0)
    assert polls <= (1 if irq == "intx" else 2 + 100 * seconds)
    kinds = Counter(kind_of(access) for access in accesses)
    alarms = kinds["timer"] + kinds["interrupt controller"]  # each poll is due at a time of its own
    # Nine notifications and a look. Where a slow look comes first, what is polled later explains nothing: one more.
    assert len(accesses) - alarms - polls <= 50 + SLOW_LOOK * seconds, by_register(accesses)
    assert alarms <= 6 * (2 + 100 * seconds), by_register(accesses)

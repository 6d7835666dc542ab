# SPDX-License-Identifier: BSD-2-Clause
"""Asleep when nothing happens: wake-ups and accesses of a machine whose devices have settled, and its clock.

QEMU's log has each interrupt that a processor takes (`-d int`), and each access to a device. With `-icount` a second is
one of the machine's own time, and passes at once while all processors sleep.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from helpers import Boot
from test_migration import migration_status
from tide.accesses import TRACE, read_accesses
from tide.machine import MemDevice
from tide.qemu import Qemu
from tide.units import MIB

LOG = [*TRACE, "-d", "int"]
OWN_TIME = ["-icount", "shift=1,sleep=off"]
LOG_BYTES = 1_000_000

PM_TIMER_HZ, PM_TIMER_MODULUS = 3579545, 1 << 24

# name -> the machine, and at most so many wake-ups and accesses a second
MACHINES: dict[str, tuple[dict[str, Any], float, float]] = {
    "q35": ({}, 2, 10),
    "q35-4-processors": ({"cpus": 4}, 2, 10),
    "q35-no-acpi": ({"type": "q35,acpi=off"}, 2, 10),
    "pc": ({"type": "pc"}, 2, 10),
    "pc-no-acpi-4-processors": ({"type": "pc,acpi=off", "cpus": 4}, 2, 10),
    "q35-no-apic": ({"cpu": "qemu64,-apic"}, 22, 110),  # the 8254 waits for 50 ms at most
    "q35-no-pic": ({"type": "q35,pic=off"}, 102, 1200),  # 100 looks at each line
}


def uptime_ms(qemu: Qemu) -> int:
    return qemu.guest.stats()["uptime ms"]


def run_idle(qemu: Qemu, log: Path) -> tuple[float, slice, slice]:
    """Let it be; the seconds that passed, a part of the log that took no longer, and one that took no less."""
    start, begin_ms, late_start = log.stat().st_size, uptime_ms(qemu), log.stat().st_size
    qemu.wait_for(lambda: log.stat().st_size >= start + LOG_BYTES, "the machine to wake up now and then")
    early_end, end_ms, end = log.stat().st_size, uptime_ms(qemu), log.stat().st_size
    return (end_ms - begin_ms) / 1000, slice(late_start, early_end), slice(start, end)


@pytest.mark.parametrize("name", MACHINES)
def test_a_settled_machine_sleeps(boot: Boot, folder: Path, name: str) -> None:
    machine, wake_ups, accesses = MACHINES[name]
    qemu = boot(MemDevice("vmem0"), MemDevice("vmem1"), extra=[*OWN_TIME, *LOG], append="log=error", **machine)
    for name in ("vmem0", "vmem1"):
        qemu.set_requested(name, 512 * MIB)
        qemu.wait_size(name, 512 * MIB)
    start_ms = uptime_ms(qemu)  # the other processors are started meanwhile
    qemu.wait_for(lambda: uptime_ms(qemu) > start_ms + 10_000, "ten seconds")
    log = folder / "trace.log"
    seconds, part, _ = run_idle(qemu, log)
    assert seconds > 3
    assert len(re.findall(rb"^Servicing hardware INT=", log.read_bytes()[part], re.MULTILINE)) <= wake_ups * seconds
    assert len(read_accesses(log, part.start, part.stop)) <= accesses * seconds


def pm_timer_seconds(log: Path, part: slice) -> float:
    """What passed from the first to the last time that the guest read ACPI's timer."""
    counts = [access.value for access in read_accesses(log, part.start, part.stop) if access.device == "acpi-tmr"]
    return sum((after - before) % PM_TIMER_MODULUS for before, after in zip(counts, counts[1:])) / PM_TIMER_HZ


def test_the_clock_after_a_migration_to_another_speed(boot: Boot, folder: Path) -> None:
    """From a time stamp counter as fast as the host's to one of 1 GHz, which goes on elsewhere."""
    state = folder / "state"
    source = boot(MemDevice("vmem0"))
    source.set_requested("vmem0", 512 * MIB)
    source.wait_size("vmem0", 512 * MIB)
    before_ms = uptime_ms(source)
    source.qmp.execute("migrate", uri=f"exec:cat > {state}")
    source.wait_for(lambda: migration_status(source) == "completed", "the migration to end")

    target = boot(MemDevice("vmem0", requested=512 * MIB), ready=False,
                  extra=["-incoming", f"exec:cat {state}", *OWN_TIME, *LOG])  # fmt: skip
    target.wait_for(lambda: target.qmp.execute("query-status")["running"], "the guest to run there")
    state.unlink()
    target.guest.send("")
    start_ms = uptime_ms(target)
    assert start_ms >= before_ms
    target.wait_for(lambda: uptime_ms(target) > start_ms + 10_000, "ten seconds")
    log = target.folder / "trace.log"
    seconds, shorter, longer = run_idle(target, log)
    assert pm_timer_seconds(log, shorter) - 5 <= seconds <= pm_timer_seconds(log, longer) + 5
    assert len(read_accesses(log, shorter.start, shorter.stop)) <= 10 * seconds
    target.set_requested("vmem0", 0)
    target.wait_size("vmem0", 0)

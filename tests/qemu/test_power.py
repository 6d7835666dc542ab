# SPDX-License-Identifier: BSD-2-Clause
"""ACPI's events: the power button, and a device that is plugged in while Tide runs."""

from typing import Any

import pytest
from helpers import Boot, resize
from tide.machine import MemDevice
from tide.units import GIB, MIB

MACHINES: dict[str, dict[str, Any]] = {
    "pc": {"type": "pc"},
    "q35": {},
    "q35-cpu-max-8-processors": {"cpu": "max", "cpus": 8},
}


@pytest.mark.parametrize("name", MACHINES)
def test_power_button_switches_off(boot: Boot, name: str) -> None:
    """By ACPI: QEMU ends with 0, where isa-debug-exit cannot."""
    qemu = boot(MemDevice("vmem0", requested=256 * MIB), **MACHINES[name])
    qemu.qmp.execute_last("system_powerdown")
    assert qemu.wait_exit() == 0
    assert "tide: power button" in qemu.guest.console.wait_end()


def test_exit_switches_off_without_an_exit_device(boot: Boot) -> None:
    """QEMU goes off when it can: nothing is said about a machine that stands still."""
    qemu = boot(exit_device=False)
    qemu.guest.send("exit 3")
    assert qemu.wait_exit() == 0
    assert "tide: halted" not in qemu.guest.console.wait_end()


def test_halted_where_nothing_ends_the_machine(boot: Boot) -> None:
    """The line is no answer, even where one was asked for."""
    qemu = boot(type="q35,acpi=off", exit_device=False)
    start = qemu.guest.send("@9 exit")
    qemu.guest.console.wait(r"^tide: halted$", start)


def test_power_button_in_the_middle_of_work(boot: Boot) -> None:
    """The button is heard while the monitor is busy and a resize runs."""
    qemu = boot(MemDevice("vmem0", size=4 * GIB), type="pc")
    qemu.set_requested("vmem0", 4 * GIB)
    qemu.guest.send("alloc 64M 8; fill all; check all")
    qemu.qmp.execute_last("system_powerdown")
    assert qemu.wait_exit() == 0


def test_device_plugged_in_on_pc(boot: Boot) -> None:
    """QEMU's PIIX4 says so by a general event; the new device is served like the others."""
    qemu = boot(MemDevice("vmem0", requested=256 * MIB), type="pc", extra=["-m", "256M,maxmem=16G"])
    qemu.qmp.execute("object-add", **{"qom-type": "memory-backend-ram", "id": "late-mem", "size": GIB})
    qemu.qmp.execute("device_add", driver="virtio-mem-pci", id="late", memdev="late-mem",
                     **{"requested-size": 512 * MIB, "block-size": 4 * MIB})  # fmt: skip
    qemu.guest.wait_settled("vmem1", 512 * MIB)
    assert qemu.size("late") == 512 * MIB
    mark = qemu.guest.console.mark()
    qemu.set_requested("late", GIB)
    qemu.guest.wait_settled("vmem1", GIB, mark)
    resize(qemu, "vmem0", GIB)
    mark = qemu.guest.console.mark()
    qemu.set_requested("late", 0)
    qemu.guest.wait_settled("vmem1", 0, mark)
    assert qemu.size("late") == 0

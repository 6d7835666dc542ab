# SPDX-License-Identifier: BSD-2-Clause
"""Devices that the host asks out while the kernel runs: by the slot's registers, or by ACPI on `pc`.

QEMU lets a virtio-mem device go from 8.2 on, and only with nothing plugged or requested.
"""

from typing import Any

import pytest
from helpers import Boot, resize
from test_pci import HOTPLUG, functions_of, functions_seen, plug
from test_suspend import fall_asleep, wake_up
from tide.machine import MemDevice
from tide.qemu import Qemu
from tide.qmp import QmpError
from tide.units import GIB, MIB

# name: (how to start the machine, the bus a device is put into)
SLOTS: dict[str, tuple[dict[str, Any], str]] = {
    "q35-native": (
        {
            "buses": [f"pcie-root-port,id=p{i},chassis={i},addr={5 + i}" for i in (1, 2)],
            "extra": ["-m", "maxmem=8G", *HOTPLUG["native"]],
        },
        "p1",
    ),
    "q35-switch": (
        {
            "buses": [
                "pcie-root-port,id=p1,chassis=1,addr=6",
                "x3130-upstream,id=up,bus=p1",
                "xio3130-downstream,id=d1,bus=up,chassis=4,addr=0",
            ],
            "extra": ["-m", "maxmem=8G", *HOTPLUG["native"]],
        },
        "d1",
    ),
    "pc-acpi": ({"type": "pc", "extra": ["-m", "maxmem=8G"]}, "pci.0"),
    "pc-acpi-qboot": (
        {"type": "pc", "bios": "qboot.rom", "extra": ["-m", "maxmem=8G"]},
        "pci.0",
    ),
}


def start(boot: Boot, slots: str) -> tuple[Qemu, str]:
    machine, bus = SLOTS[slots]
    return boot(MemDevice("vmem0", size=GIB, addr="4"), **machine), bus


def wait_deleted(qemu: Qemu, device: str) -> None:
    """Until the guest has let go of it: QEMU says so once for the device, once for its inner one."""
    while qemu.qmp.wait_event("DEVICE_DELETED")["data"].get("device") != device:
        pass


@pytest.fixture
def lets_memory_go(qemu_version: tuple[int, ...]) -> None:
    if qemu_version < (8, 2):
        pytest.skip("this QEMU never lets a virtio-mem device go (8.2 and later do)")


@pytest.mark.parametrize("slots", SLOTS)
def test_device_that_nobody_drives(boot: Boot, slots: str) -> None:
    qemu, bus = start(boot, slots)
    before = functions_seen(qemu)
    for _ in range(3):
        qemu.qmp.execute("device_add", driver="virtio-rng-pci", id="late", bus=bus)
        qemu.wait_for(lambda: functions_seen(qemu) != before, "the device to be found")
        assert functions_seen(qemu) == functions_of(qemu.qmp.execute("query-pci"))
        qemu.qmp.execute("device_del", id="late")
        wait_deleted(qemu, "late")
        assert functions_seen(qemu) == before
    resize(qemu, "vmem0", 128 * MIB)


@pytest.mark.parametrize("slots", SLOTS)
def test_balloon_comes_and_goes(boot: Boot, slots: str) -> None:
    """It goes at once, whatever it holds: its pages are the guest's again."""
    qemu, bus = start(boot, slots)
    before = qemu.guest.stats()["boot used"]
    for _ in range(2):
        qemu.qmp.execute("device_add", driver="virtio-balloon-pci", id="late", bus=bus)
        qemu.qmp.execute("balloon", value=128 * MIB)
        qemu.wait_for(lambda: qemu.qmp.execute("query-balloon")["actual"] == 128 * MIB, "the balloon")
        qemu.qmp.execute("device_del", id="late")
        wait_deleted(qemu, "late")
        qemu.wait_for(lambda: "no virtio-balloon" in qemu.guest.command("balloon"), "the driver to let go")
        qemu.wait_for(lambda: qemu.guest.stats()["boot used"] <= before + 16, "the pages to be free")


@pytest.mark.parametrize("slots", ["q35-native", "pc-acpi"])
def test_device_that_came_while_asleep(boot: Boot, slots: str) -> None:
    """Into a slot that was empty, and into one that was in use before; it can be asked out like any other."""
    machine, bus = SLOTS[slots]
    qemu = boot(**machine)
    before = functions_seen(qemu)
    for _ in range(2):
        mark = fall_asleep(qemu)
        qemu.qmp.execute("device_add", driver="virtio-balloon-pci", id="late", bus=bus)
        wake_up(qemu, mark)
        qemu.wait_for(lambda: functions_seen(qemu) != before, "the device to be found")
        qemu.qmp.execute("device_del", id="late")
        wait_deleted(qemu, "late")
        assert functions_seen(qemu) == before


@pytest.mark.parametrize("slots", SLOTS)
def test_memory_device_comes_and_goes(boot: Boot, slots: str, lets_memory_go: None) -> None:
    qemu, bus = start(boot, slots)
    before = functions_seen(qemu)
    resize(qemu, "vmem0", 64 * MIB)
    for _ in range(3):
        mark = qemu.guest.console.mark()
        plug(qemu, bus, 64 * MIB)
        qemu.guest.wait_settled("vmem1", 64 * MIB, mark)
        resize(qemu, "vmem1", 512 * MIB)
        resize(qemu, "vmem1", 0)
        qemu.qmp.execute("device_del", id="vmem1")
        wait_deleted(qemu, "vmem1")
        qemu.qmp.execute("object-del", id="late")
        assert "vmem1" not in qemu.guest.command("status")
        assert functions_seen(qemu) == before == functions_of(qemu.qmp.execute("query-pci"))
    resize(qemu, "vmem0", GIB)
    resize(qemu, "vmem0", 0)


@pytest.mark.parametrize("slots", ["q35-native", "pc-acpi"])
def test_the_device_of_the_start_goes(boot: Boot, slots: str, lets_memory_go: None) -> None:
    machine, bus = SLOTS[slots]
    qemu = boot(MemDevice("vmem0", size=GIB, bus=bus), **machine)
    resize(qemu, "vmem0", 512 * MIB)
    resize(qemu, "vmem0", 0)
    qemu.qmp.execute("device_del", id="vmem0")
    wait_deleted(qemu, "vmem0")
    assert "no virtio-mem device" in qemu.guest.command("status")
    mark = qemu.guest.console.mark()
    plug(qemu, bus, 64 * MIB)  # it is the guest's vmem0
    qemu.guest.wait_settled("vmem0", 64 * MIB, mark)
    assert qemu.size("vmem1") == 64 * MIB


@pytest.mark.parametrize("slots", ["q35-native", "pc-acpi"])
def test_with_memory_plugged_nothing_is_lost(
    boot: Boot, slots: str, lets_memory_go: None
) -> None:
    """The host refuses, whatever is plugged or requested, and the guest hears nothing of it."""
    qemu, bus = start(boot, slots)
    plug(qemu, bus, 64 * MIB)
    qemu.guest.wait_settled("vmem1", 64 * MIB)
    assert "alloc: 0: 48M" in qemu.guest.command("alloc 48M")
    qemu.guest.command("fill")
    for requested in (64 * MIB, 0):
        qemu.set_requested("vmem1", requested)
        with pytest.raises(QmpError, match="cannot get unplugged"):
            qemu.qmp.execute("device_del", id="vmem1")
        assert "check: ok" in qemu.guest.command("check")
    assert qemu.size("vmem1") >= 48 * MIB
    resize(qemu, "vmem1", 256 * MIB)
    qemu.guest.command("free")
    resize(qemu, "vmem1", 0)
    qemu.qmp.execute("device_del", id="vmem1")
    wait_deleted(qemu, "vmem1")


@pytest.mark.parametrize("slots", ["q35-native", "pc-acpi"])
def test_no_wish_between_question_and_answer(
    boot: Boot, slots: str, lets_memory_go: None
) -> None:
    """The host refuses a new size once it has asked: nothing is plugged that would go with the device."""
    qemu, bus = start(boot, slots)
    plug(qemu, bus, 64 * MIB)
    qemu.guest.wait_settled("vmem1", 64 * MIB)
    resize(qemu, "vmem1", 0)
    qemu.qmp.execute("stop")
    qemu.qmp.execute("device_del", id="vmem1")
    with pytest.raises(QmpError, match="unplug"):
        qemu.set_requested("vmem1", 128 * MIB)
    qemu.qmp.execute("cont")
    wait_deleted(qemu, "vmem1")
    qemu.guest.command("alloc 32M")
    qemu.guest.command("fill all")
    assert "check: ok" in qemu.guest.command("check")
    resize(qemu, "vmem0", 128 * MIB)

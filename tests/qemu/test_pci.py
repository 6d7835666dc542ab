# SPDX-License-Identifier: BSD-2-Clause
"""The PCI tree that Tide finds against the one that QEMU has, on every kind of bus.

With SeaBIOS everything has its place already; qboot numbers bridges but opens
no window, places no BAR and writes wrong interrupt lines behind bridges.
"""

import re
from typing import Any

import pytest
from helpers import Boot, resize
from tide.machine import MemDevice
from tide.qemu import Qemu
from tide.units import GIB, MIB

# name: (machine, -device lines, the bus of the virtio-mem device and its slot there)
TOPOLOGIES: dict[str, tuple[str, list[str], str, str]] = {
    "pc-bridge": ("pc", ["pci-bridge,id=b1,chassis_nr=1,addr=5"], "b1", "4"),
    "q35-bridge": ("q35", ["pci-bridge,id=b1,chassis_nr=1,addr=5"], "b1", "4"),
    "pc-three-bridges-deep": (
        "pc",
        [
            "pci-bridge,id=b1,chassis_nr=1,addr=5",
            "pci-bridge,id=b2,chassis_nr=2,bus=b1,addr=3",
            "pci-bridge,id=b3,chassis_nr=3,bus=b2,addr=6",
        ],
        "b3",
        "1f",
    ),
    "q35-multi-function-root-port": (
        "q35",
        [
            "pcie-root-port,id=p1,chassis=1,addr=3.0,multifunction=on",
            "pcie-root-port,id=p2,chassis=2,addr=3.1",
            "pcie-root-port,id=p3,chassis=3,addr=3.7",
        ],
        "p3",
        "0",
    ),
    "q35-switch": (
        "q35",
        [
            "pcie-root-port,id=p1,chassis=1,addr=3",
            "x3130-upstream,id=up,bus=p1",
            "xio3130-downstream,id=d1,bus=up,chassis=4,addr=0",
            "xio3130-downstream,id=d2,bus=up,chassis=5,addr=1",
        ],
        "d2",
        "0",
    ),
    "q35-pcie-to-pci": (
        "q35",
        [
            "pcie-root-port,id=p1,chassis=1,addr=3",
            "pcie-pci-bridge,id=b1,bus=p1",
            "pci-bridge,id=b2,chassis_nr=2,bus=b1,addr=7",
        ],
        "b2",
        "9",
    ),
    "pc-expander": ("pc", ["pxb,id=x,bus_nr=64,addr=6"], "x", "4"),
    "q35-expander": (
        "q35",
        ["pxb-pcie,id=x,bus_nr=200,addr=6", "pcie-root-port,id=p1,bus=x,chassis=3,addr=2"],
        "p1",
        "0",
    ),
}


def functions_of(buses: list[dict[str, Any]]) -> set[tuple[int, int, int, int, int]]:
    """(bus, slot, function, vendor, device) of all in the answer of query-pci."""
    found = set()
    for bus in buses:
        for function in bus["devices"]:
            ids = function["id"]
            found.add((function["bus"], function["slot"], function["function"], ids["vendor"],
                       ids["device"]))  # fmt: skip
            bridge = function.get("pci_bridge", {})
            found |= functions_of([{"devices": bridge.get("devices", [])}])
    return found


def functions_seen(qemu: Qemu) -> set[tuple[int, int, int, int, int]]:
    """The same from the monitor's `devices`."""
    line = r"^0000:(\w\w):(\w\w)\.(\w) (\w{4}):(\w{4}) "
    lines = re.findall(line, qemu.guest.command("devices"), re.MULTILINE)
    return {tuple(int(part, 16) for part in parts) for parts in lines}


@pytest.mark.parametrize("bios", [None, "qboot.rom"], ids=["seabios", "qboot"])
@pytest.mark.parametrize("name", TOPOLOGIES)
def test_tree_and_device_behind_it(boot: Boot, name: str, bios: str | None) -> None:
    machine, buses, bus, slot = TOPOLOGIES[name]
    device = MemDevice("vmem0", size=GIB, bus=bus, addr=slot)
    qemu = boot(device, type=machine, bios=bios, buses=buses)
    assert functions_seen(qemu) == functions_of(qemu.qmp.execute("query-pci"))
    resize(qemu, "vmem0", 512 * MIB)
    status = qemu.guest.command("status")
    assert re.search(r"irq=(intx|msix) interrupts=[1-9]", status), "the interrupt line is right"


@pytest.mark.parametrize("bios", [None, "qboot.rom"], ids=["seabios", "qboot"])
@pytest.mark.parametrize("acpi", ["on", "off"])
@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_two_on_the_root_bus_and_one_behind_a_bridge(
    boot: Boot, machine: str, acpi: str, bios: str | None
) -> None:
    """Each at an address of its own: no two BARs overlap, whoever placed them."""
    devices = [
        MemDevice("vmem0", size=GIB, addr="4"),
        MemDevice("vmem1", size=GIB, addr="6"),
        MemDevice("vmem2", size=GIB, bus="b1", addr="4"),
    ]
    bridge = "pci-bridge,id=b1,chassis_nr=1,addr=5"
    qemu = boot(*devices, type=f"{machine},acpi={acpi}", bios=bios, buses=[bridge])
    for i, device in enumerate(devices):
        resize(qemu, device.id, (i + 1) * 64 * MIB)
    assert [qemu.size(device.id) for device in devices] == [64 * MIB, 128 * MIB, 192 * MIB]


HOTPLUG = {  # how QEMU tells: by the slot's own registers, or by an ACPI event
    "native": ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"],
    "acpi": [],
}


def plug(qemu: Qemu, port: str, requested: int) -> None:
    """Put a virtio-mem device of 1 GiB, vmem1, into a port."""
    qemu.qmp.execute("object-add", **{"qom-type": "memory-backend-ram", "id": "late", "size": GIB})
    qemu.qmp.execute("device_add", driver="virtio-mem-pci", id="vmem1", memdev="late", bus=port,
                     **{"requested-size": requested})  # fmt: skip


@pytest.mark.parametrize("bios", [None, "qboot.rom"], ids=["seabios", "qboot"])
@pytest.mark.parametrize("way", HOTPLUG)
def test_device_that_comes_while_the_kernel_runs(boot: Boot, way: str, bios: str | None) -> None:
    ports = [f"pcie-root-port,id=p{i},chassis={i},addr={5 + i}" for i in (1, 2)]
    extra = ["-m", "maxmem=8G", *HOTPLUG[way]]
    qemu = boot(MemDevice("vmem0", size=GIB, addr="4"), bios=bios, buses=ports, extra=extra)
    plug(qemu, "p2", 64 * MIB)
    qemu.guest.wait_settled("vmem1", 64 * MIB)
    resize(qemu, "vmem1", 512 * MIB)
    resize(qemu, "vmem0", 128 * MIB)
    assert functions_seen(qemu) == functions_of(qemu.qmp.execute("query-pci"))
    assert len(re.findall(r"irq=(?:intx|msix) interrupts=[1-9]", qemu.guest.command("status"))) == 2


def test_rescan_by_command(boot: Boot) -> None:
    """It finds nothing new, and leaves what is in use alone."""
    qemu = boot(MemDevice("vmem0", size=GIB, bus="b1", addr="4"),
                buses=["pci-bridge,id=b1,chassis_nr=1,addr=5"], bios="qboot.rom")  # fmt: skip
    resize(qemu, "vmem0", 64 * MIB)
    before = functions_seen(qemu)
    assert qemu.guest.command("rescan") == ""
    assert functions_seen(qemu) == before
    resize(qemu, "vmem0", 128 * MIB)

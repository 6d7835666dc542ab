# SPDX-License-Identifier: BSD-2-Clause
"""Grow, shrink and return to zero on every kind of machine, in the fewest requests."""

from typing import Any

import pytest
from helpers import Boot, nr_requests, requests_of, resize
from tide.machine import MemDevice
from tide.units import GIB, MIB

# id -> (machine, options of the virtio-mem device)
MACHINES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "q35": ({}, {}),
    "pc": ({"type": "pc"}, {}),
    "q35-cpu-max": ({"cpu": "max"}, {}),
    "pc-cpu-max": ({"type": "pc", "cpu": "max"}, {}),
    "q35-acpi-off": ({"type": "q35,acpi=off"}, {}),
    "pc-acpi-off": ({"type": "pc,acpi=off"}, {}),
    "q35-intx": ({"append": "virtio_mem.irq=intx"}, {}),
    "pc-intx": ({"type": "pc", "append": "virtio_mem.irq=intx"}, {}),
    "pc-acpi-off-intx": ({"type": "pc,acpi=off", "append": "virtio_mem.irq=intx"}, {}),
    "q35-poll": ({"append": "virtio_mem.irq=poll"}, {}),
    "pc-poll": ({"type": "pc", "append": "virtio_mem.irq=poll"}, {}),
    "pc-behind-bridge": (
        {"type": "pc", "buses": ["pci-bridge,id=bridge,chassis_nr=1,addr=7"]},
        {"bus": "bridge", "addr": "3"},
    ),
    "q35-behind-bridge": (
        {"buses": ["pci-bridge,id=bridge,chassis_nr=1,addr=7"]},
        {"bus": "bridge", "addr": "3"},
    ),
    "q35-behind-two-bridges": (
        {"buses": ["pci-bridge,id=outer,chassis_nr=1,addr=7",
                   "pci-bridge,id=inner,chassis_nr=2,bus=outer,addr=9"]},
        {"bus": "inner", "addr": "1f"},
    ),
    "q35-root-port": ({"buses": ["pcie-root-port,id=root,chassis=1,slot=1"]}, {"bus": "root"}),
    "q35-root-port-poll": (
        {"buses": ["pcie-root-port,id=root,chassis=1,slot=1"], "append": "virtio_mem.irq=poll"},
        {"bus": "root"},
    ),
    "pc-second-function": (
        {"type": "pc", "buses": ["virtio-rng-pci,addr=6.0,multifunction=on"]},
        {"addr": "6.1"},
    ),
    "q35-8-processors": ({"cpus": 8}, {}),
    "pc-2-processors-acpi-off": ({"type": "pc,acpi=off", "cpus": 2}, {}),
    "q35-4M": ({"memory": 4 * MIB}, {}),
    "pc-4M": ({"type": "pc", "memory": 4 * MIB}, {}),
    "q35-4M-qboot": ({"memory": 4 * MIB, "bios": "qboot.rom"}, {}),
    "pc-16M": ({"type": "pc", "memory": 16 * MIB}, {}),
    "q35-3G": ({"memory": 3 * GIB}, {}),
    "q35-5G": ({"memory": 5 * GIB}, {}),
    "pc-5G-cpu-max": ({"type": "pc", "memory": 5 * GIB, "cpu": "max"}, {}),
    "q35-qboot": ({"bios": "qboot.rom"}, {}),
    "pc-qboot": ({"type": "pc", "bios": "qboot.rom"}, {}),
    "q35-qboot-acpi-off": ({"type": "q35,acpi=off", "bios": "qboot.rom"}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", MACHINES)
def test_follows_the_host(boot: Boot, name: str) -> None:
    machine, options = MACHINES[name]
    qemu = boot(MemDevice("vmem0", size=2 * GIB, **options), **machine)
    before = nr_requests(qemu)
    for size in (512 * MIB, 2 * GIB, 256 * MIB, 0, 2 * MIB, 0):
        settled = resize(qemu, "vmem0", size)
        assert settled.requests == 1, f"one contiguous run is one request, at {size}"
    assert requests_of(qemu, before) == [
        ("plug", "ack"), ("plug", "ack"), ("unplug", "ack"),
        ("unplug", "ack"), ("plug", "ack"), ("unplug", "ack"),
    ]  # fmt: skip


def test_msix(boot: Boot, qemu_version: tuple[int, ...]) -> None:
    if qemu_version < (8, 0):
        pytest.skip("virtio-mem-pci has no MSI-X before QEMU 8.0")
    qemu = boot(MemDevice("vmem0"), append="virtio_mem.irq=msix")
    resize(qemu, "vmem0", GIB)
    resize(qemu, "vmem0", 0)
    assert "irq=msix" in qemu.guest.command("status")


@pytest.mark.parametrize("mode", ["intx", "poll"])
def test_irq_mode_is_the_one_asked_for(boot: Boot, mode: str) -> None:
    qemu = boot(MemDevice("vmem0"), append=f"virtio_mem.irq={mode}")
    resize(qemu, "vmem0", 64 * MIB)
    assert f"irq={mode}" in qemu.guest.command("status")


@pytest.mark.parametrize("block", [2 * MIB, 4 * MIB, 128 * MIB, GIB])
def test_block_sizes(boot: Boot, block: int) -> None:
    qemu = boot(MemDevice("vmem0", size=4 * GIB, block=block))
    for nr_blocks in (1, 4, 2, 3, 0):
        resize(qemu, "vmem0", min(nr_blocks * block, 4 * GIB))


def test_eight_gib_in_one_request_each_way(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", size=8 * GIB))
    before = nr_requests(qemu)
    resize(qemu, "vmem0", 8 * GIB)
    resize(qemu, "vmem0", 0)
    assert requests_of(qemu, before) == [("plug", "ack"), ("unplug", "ack")]


def test_steps_of_one_block(boot: Boot) -> None:
    """Up and down by a block at a time: the counts never drift."""
    qemu = boot(MemDevice("vmem0", size=64 * MIB))
    for size in [*range(0, 64, 2), *range(64, -1, -2)]:
        mark = qemu.guest.console.mark()
        if qemu.requested("vmem0") == size * MIB:
            continue
        qemu.set_requested("vmem0", size * MIB)
        qemu.guest.wait_settled("vmem0", size * MIB, mark)
        assert qemu.size("vmem0") == size * MIB


def test_a_new_size_replaces_the_old_one(boot: Boot) -> None:
    """Requests in quick succession: only the last one counts in the end."""
    qemu = boot(MemDevice("vmem0", size=8 * GIB))
    for size in (8 * GIB, 0, 4 * GIB, 2 * MIB, 6 * GIB, 512 * MIB):
        qemu.set_requested("vmem0", size)
    qemu.wait_size("vmem0", 512 * MIB)
    qemu.guest.wait_settled("vmem0", 512 * MIB)
    assert qemu.size("vmem0") == 512 * MIB

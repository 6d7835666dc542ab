# SPDX-License-Identifier: BSD-2-Clause
"""Nodes: each device's memory on its own, boot RAM where ACPI's SRAT says, and allocations by node."""

import re

import pytest
from helpers import Boot, resize
from tide.machine import MemDevice
from tide.qemu import Qemu
from tide.units import GIB, MIB

NUMA = [
    "-object", "memory-backend-ram,id=ram0,size=256M",
    "-object", "memory-backend-ram,id=ram1,size=256M",
    "-numa", "node,nodeid=0,cpus=0,memdev=ram0",
    "-numa", "node,nodeid=1,cpus=1,memdev=ram1",
]  # fmt: skip
MACHINES = {
    "q35": {"type": "q35"},
    "pc": {"type": "pc"},
    "q35-without-acpi": {"type": "q35,acpi=off"},  # SeaBIOS has a SRAT of its own, without hotplug
    "pc-without-acpi": {"type": "pc,acpi=off"},
    "without-any-acpi": {"type": "q35,acpi=off", "bios": "qboot.rom"},
}
DEVICES = [MemDevice("vmem0", size=GIB, node=0), MemDevice("vmem1", size=GIB, node=1, block=4 * MIB)]


def start(boot: Boot, machine: str, append: str = "") -> Qemu:
    return boot(*DEVICES, **MACHINES[machine], memory=512 * MIB, cpus=2, extra=NUMA, append=append)


def nodes_of(qemu: Qemu) -> list[int]:
    return [int(node) for node in re.findall(r"block \w+, node (\d+)$", qemu.guest.command("status"),
                                             re.MULTILINE)]  # fmt: skip


def alloc(qemu: Qemu, words: str) -> int:
    """Where what was allocated begins."""
    answer = qemu.guest.command(f"alloc {words}")
    match = re.match(r"alloc: \d+: \S+ in \d+ runs?, from (0x\w+)\n", answer)
    assert match, answer
    return int(match.group(1), 16)


def is_in(qemu: Qemu, device: str, paddr: int) -> bool:
    base = int(qemu.qmp.get(device, "memaddr"))
    return base <= paddr < base + GIB


@pytest.mark.parametrize("machine", MACHINES)
def test_devices_say_their_node(boot: Boot, machine: str) -> None:
    """SRAT gives the whole area of both devices to the last node: the devices know better."""
    qemu = start(boot, machine)
    assert nodes_of(qemu) == [0, 1]
    assert re.search(r"1G  vmem0, node 0\n .* 1G  vmem1, node 1\n", qemu.guest.command("memory"))
    resize(qemu, "vmem0", 128 * MIB)
    resize(qemu, "vmem1", 64 * MIB)
    for _ in range(4):
        assert is_in(qemu, "vmem0", alloc(qemu, "5M node=0"))
        assert is_in(qemu, "vmem1", alloc(qemu, "4K 1 node=1"))
        assert is_in(qemu, "vmem1", alloc(qemu, "3000K node=1"))
    assert "error: alloc: 4K: not enough free memory of this node" in qemu.guest.command(
        "alloc 4K node=2"
    )
    qemu.guest.command("fill all")
    checked = qemu.guest.command("check all")
    assert checked.count("check: ok") == 12 and "error" not in checked
    qemu.guest.command("free all")
    resize(qemu, "vmem1", 0)
    resize(qemu, "vmem0", 0)


@pytest.mark.parametrize("machine", ["q35", "pc", "q35-without-acpi"])
def test_boot_ram_has_the_nodes_of_srat(boot: Boot, machine: str) -> None:
    qemu = start(boot, machine)
    memory = qemu.guest.command("memory")
    assert re.search(r"0x000010000000 to 0x00001fffffff +256M  node 1\n", memory)
    assert re.search(r"0x000000100000 to 0x00000fffffff +\S+  node 0\n", memory)
    assert bool(re.search(r"node 1, for what may come\n", memory)) == ("without" not in machine)
    resize(qemu, "vmem0", 64 * MIB)
    paddr = alloc(qemu, "32M node=1")  # nothing of it is plugged
    assert 256 * MIB <= paddr < 512 * MIB
    assert "not enough free memory of this node" in qemu.guest.command("alloc 300M node=1")
    assert is_in(qemu, "vmem0", alloc(qemu, "64M node=0"))
    assert 2 * MIB <= alloc(qemu, "16M node=0") < 256 * MIB
    resize(qemu, "vmem1", 64 * MIB)
    assert is_in(qemu, "vmem1", alloc(qemu, "32M node=1")), "plugged memory first"


@pytest.mark.parametrize(("machine", "node"), [("q35", 1), ("q35-without-acpi", 0), ("without-any-acpi", 0)])
def test_without_the_devices_word(boot: Boot, machine: str, node: int) -> None:
    """ACPI_PXM is not accepted: SRAT's node for the range, else 0."""
    qemu = start(boot, machine, append="virtio.features=-0")
    assert nodes_of(qemu) == [node, node]
    resize(qemu, "vmem0", 64 * MIB)
    assert is_in(qemu, "vmem0", alloc(qemu, f"16M node={node}"))


def test_without_nodes_all_is_node_0(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", size=GIB), **MACHINES["without-any-acpi"])
    assert nodes_of(qemu) == [0]
    assert "memory: the nodes" not in qemu.guest.command("memory")
    assert alloc(qemu, "16M node=0") < 256 * MIB
    resize(qemu, "vmem0", 64 * MIB)
    assert is_in(qemu, "vmem0", alloc(qemu, "16M node=0"))


@pytest.mark.parametrize("word", ["node=", "node=x", "node=-1", "node=4294967296", "0", "nodes"])
def test_bad_words(boot: Boot, word: str) -> None:
    qemu = boot()
    answer = qemu.guest.command(f"alloc 4K {word}")
    assert answer == f"error: alloc: '{word}': expected a count from 1 to 4096, or node= and a number\n"

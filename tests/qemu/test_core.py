# SPDX-License-Identifier: BSD-2-Clause
"""The image without any extra (`make EXTRAS=`), and with one: the core follows the host by itself."""

import re

import pytest
from helpers import CORE_IMAGE, WORKLOAD_IMAGE, Boot, requests_of
from tide.machine import MemDevice
from tide.qemu import Qemu
from tide.units import GIB, MIB

CORE_COMMANDS = {"help", "status", "stats", "cpus", "exit"}
JOBS_COMMANDS = {"jobs", "wait"}
WORKLOAD_COMMANDS = {"alloc", "free", "fill", "check", "workload", "occupancy"}


def commands_of(qemu: Qemu) -> set[str]:
    return set(re.findall(r"^  (\w+)", qemu.guest.command("help"), re.MULTILINE))


def follow(qemu: Qemu, size: int) -> None:
    """Ask for a size and wait until QEMU itself says that it is plugged."""
    qemu.set_requested("vmem0", size)
    qemu.wait_for(lambda: qemu.size("vmem0") == size, f"{size} bytes to be plugged")


@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_the_core_follows_the_host(boot: Boot, machine: str, cpus: int) -> None:
    qemu = boot(MemDevice("vmem0", size=GIB), image=CORE_IMAGE, type=machine, cpus=cpus)
    if cpus > 1:
        qemu.guest.console.wait(rf"^cpu: {cpus} processors run")
    before = len(requests_of(qemu))
    for size in (GIB, 512 * MIB, 2 * MIB, 0, GIB, 0):
        follow(qemu, size)
    assert requests_of(qemu, before) == [
        ("plug", "ack"), ("unplug", "ack"), ("unplug", "ack"),
        ("unplug", "ack"), ("plug", "ack"), ("unplug", "ack"),
    ]  # fmt: skip
    assert "vmem0: pci 0000:00:" in qemu.guest.command("status")
    assert "resets=0" in qemu.guest.command("status")
    assert qemu.guest.command("cpus").splitlines()[0] == f"cpus: running={cpus}"


def test_two_devices(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"), MemDevice("vmem1"), image=CORE_IMAGE)
    for first, second in ((256 * MIB, 0), (64 * MIB, 512 * MIB), (0, 0)):
        qemu.set_requested("vmem0", first)
        qemu.set_requested("vmem1", second)
        qemu.wait_for(lambda: (qemu.size("vmem0"), qemu.size("vmem1")) == (first, second), "both devices")


def test_an_extra_brings_its_commands(boot: Boot) -> None:
    assert commands_of(boot(image=CORE_IMAGE)) == CORE_COMMANDS
    qemu = boot(MemDevice("vmem0"), image=WORKLOAD_IMAGE)
    assert commands_of(qemu) == CORE_COMMANDS | JOBS_COMMANDS | WORKLOAD_COMMANDS
    follow(qemu, 256 * MIB)
    assert qemu.guest.command("alloc 64M").startswith("alloc: 0: 64M in 1 run")
    follow(qemu, 64 * MIB)
    assert "check: ok: 0" in qemu.guest.command("fill") + qemu.guest.command("check")
    qemu.guest.command("free")
    follow(qemu, 0)

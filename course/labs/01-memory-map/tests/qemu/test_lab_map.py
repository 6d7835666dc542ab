# SPDX-License-Identifier: BSD-2-Clause
"""Your map of QEMU's firmware: all of the machine's memory is found, and the kernel runs in it."""

import re

import pytest
from helpers import Boot
from lab_helpers import resize
from tide.machine import MemDevice
from tide.units import GIB, MIB


@pytest.mark.parametrize("machine", [{}, {"type": "pc", "memory": 16 * MIB}, {"memory": 5 * GIB}], ids=["q35", "pc", "5G"])
def test_finds_the_machines_memory(boot: Boot, machine: dict[str, object]) -> None:
    qemu = boot(MemDevice("vmem0", size=512 * MIB), **machine)
    told = qemu.guest.command("memory")
    ranges = re.findall(r"^  0x(\w+) to 0x(\w+) .*  RAM$", told, re.MULTILINE)
    usable = sum(int(last, 16) + 1 - int(first, 16) for first, last in ranges)
    memory = int(str(machine.get("memory", 256 * MIB)))
    assert memory - MIB <= usable <= memory, told
    resize(qemu, "vmem0", 128 * MIB)

# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's own buses: a device on the root bus, and one behind two bridges, are found and used."""

import pytest
from helpers import Boot
from lab_helpers import resize
from tide.machine import MemDevice
from tide.units import MIB

BRIDGES = ["pci-bridge,id=outer,chassis_nr=1,addr=7", "pci-bridge,id=inner,chassis_nr=2,bus=outer,addr=9"]


@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_finds_the_device(boot: Boot, machine: str) -> None:
    resize(boot(MemDevice("vmem0", size=512 * MIB), type=machine), "vmem0", 64 * MIB)


def test_behind_two_bridges(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", size=512 * MIB, bus="inner", addr="1f"), buses=BRIDGES)
    resize(qemu, "vmem0", 64 * MIB)

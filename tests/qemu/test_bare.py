# SPDX-License-Identifier: BSD-2-Clause
"""examples/bare, a host of its own for the driver: it follows the host, and is as small as it claims."""

import re

import pytest
from helpers import BUILD, TREE, Boot
from tide.machine import MemDevice
from tide.units import GIB, KIB, MIB

BARE = BUILD / "bare.elf"
LINES_MAX = 60  # of bare.c and of entry.S, without comments and blank ones
IMAGE_BYTES_MAX = 36 * KIB


def test_bare_follows_the_host(boot: Boot) -> None:
    device = MemDevice("vmem0", size=GIB, block=32 * MIB, addr="4")
    qemu = boot(device, image=BARE, ready=False, cpu="max", memory=128 * MIB)
    for size in (512 * MIB, 128 * MIB, GIB - 32 * MIB, 0, 32 * MIB, 0):
        qemu.set_requested("vmem0", size)
        qemu.wait_size("vmem0", size)
    assert qemu.process.poll() is None, "it has not ended"


def test_bare_without_its_device_ends(boot: Boot) -> None:
    """Nothing in the slot: the kernel has nothing to do."""
    qemu = boot(image=BARE, ready=False, cpu="max", memory=128 * MIB)
    assert qemu.wait_exit() == 0


@pytest.mark.parametrize("name", ["bare.c", "entry.S"])
def test_bare_is_short(name: str) -> None:
    text = re.sub(r"/\*.*?\*/", "", (TREE / "examples/bare" / name).read_text(), flags=re.DOTALL)
    assert sum(bool(line.strip()) for line in text.splitlines()) <= LINES_MAX


def test_bare_is_small() -> None:
    assert BARE.stat().st_size <= IMAGE_BYTES_MAX

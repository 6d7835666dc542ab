# SPDX-License-Identifier: BSD-2-Clause
"""The image built with DEBUG=1: it works as any other, and finds who writes to a page that was freed."""

import pytest
from helpers import DEBUG_IMAGE, Boot, resize
from tide.machine import MemDevice
from tide.units import GIB, MIB

PANIC = 37


def test_a_write_after_free_is_reported(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"), image=DEBUG_IMAGE, crash=True)
    resize(qemu, "vmem0", 64 * MIB)
    start = qemu.guest.send("crash write-after-free")
    page = r"0x\w+000"
    qemu.guest.console.wait(
        rf"^panic: page_alloc: {page} was written to after it was freed: 0x5eed at offset 0x18, "
        r"expected 0xf4eedf4ef4eedf4e", start)  # fmt: skip
    qemu.guest.console.wait(r"^ +#\d+ 0x\w+ crash_write_after_free\+0x", start)
    assert qemu.wait_exit() == PANIC


def test_no_other_build_looks(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"))
    assert "found by nobody" in qemu.guest.command("crash write-after-free")


def test_memory_that_nobody_had_is_not_poisoned(boot: Boot) -> None:
    """Freed pages are filled, and no others need backing. All of them come back."""
    qemu = boot(MemDevice("vmem0", size=8 * GIB), image=DEBUG_IMAGE)
    resize(qemu, "vmem0", 8 * GIB)
    assert qemu.backend_resident(8 * GIB) == 0
    qemu.guest.command("alloc 3M")
    qemu.guest.command("free")
    assert 3 * MIB <= qemu.backend_resident(8 * GIB) <= 5 * MIB
    resize(qemu, "vmem0", 0)
    assert qemu.backend_resident(8 * GIB) == 0


@pytest.mark.load
@pytest.mark.parametrize("workload", ["bursts size=256M", "random size=256M chunk=256K"])
def test_resizes_under_load(boot: Boot, workload: str) -> None:
    """The kernel itself writes to nothing that it has freed."""
    qemu = boot(MemDevice("vmem0", size=GIB), image=DEBUG_IMAGE, cpus=2)
    resize(qemu, "vmem0", GIB)
    qemu.guest.command(f"workload {workload}")
    for size in (512 * MIB, 768 * MIB, 640 * MIB):
        resize(qemu, "vmem0", size)
    qemu.guest.command("workload stop")
    resize(qemu, "vmem0", 0)

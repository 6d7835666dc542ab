# SPDX-License-Identifier: BSD-2-Clause
"""The allocator in the kernel stands on your runs: it recomputes all that it counts."""

from helpers import Boot
from lab_helpers import resize
from tide.machine import MemDevice
from tide.units import MIB


def test_allocates_and_frees(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", size=512 * MIB))
    resize(qemu, "vmem0", 256 * MIB)
    for size in ("4K", "8K", "60K", "1M", "2M", "64M"):
        assert qemu.guest.command(f"alloc {size}").startswith("alloc:"), size
    qemu.guest.command("fill")
    assert "error" not in qemu.guest.command("check")
    qemu.guest.command("free all")
    assert qemu.guest.command("stats check") == "stats: check: ok\n"
    resize(qemu, "vmem0", 0)

# SPDX-License-Identifier: BSD-2-Clause
"""Four processors of the real kernel allocate and free at once, and the allocator recomputes its counters."""

from helpers import Boot
from lab_helpers import resize
from tide.machine import MemDevice
from tide.units import MIB


def test_four_processors(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", size=512 * MIB), cpus=4)
    qemu.guest.console.wait(r"^cpu: 4 processors run")
    resize(qemu, "vmem0", 256 * MIB)
    for pattern in ("hot", "random"):
        assert "error" not in qemu.guest.command(f"bench {pattern} 0 20000 4")
    assert qemu.guest.command("stats check") == "stats: check: ok\n"
    resize(qemu, "vmem0", 0)

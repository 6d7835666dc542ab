# SPDX-License-Identifier: BSD-2-Clause
"""What a resize costs a guest, measured in the same way for Tide and for Linux: rows of `make bench`."""

import time
from pathlib import Path
from typing import Callable

from . import reclaim
from .bench_guest import BenchGuest, quiet
from .figure import Figure, least, middle
from .insn_count import InsnCount
from .machine import Machine
from .qemu import Qemu
from .units import GIB, KIB, MIB

PAIRS = 200_000  # on each processor
PAIR_TARGETS = {"hot": 80.0, "bulk": 150.0, "random": 150.0}
Tell = Callable[[str], None]


def steady(read: Callable[[], int]) -> int:
    """What it reads a second after it read the same: QEMU trims its heap some time after the start."""
    value = read()
    for _ in range(20):
        time.sleep(1)
        before, value = value, read()
        if before == value:
            break
    return value


class Resizes:
    """The measurements of one guest; each boots it anew, in `folder`."""

    def __init__(self, guest: BenchGuest, plugin: Path, folder: Path):
        self.guest = guest
        self.folder = folder
        self.insn_count = InsnCount(plugin, folder / "instructions")

    def counted(self, machine: Machine, mark: str | None = None) -> Machine:
        """The machine with the plugin that counts its instructions."""
        machine.extra += self.insn_count.arguments(machine.kernel, mark)
        return machine

    def instructions(self, qemu: Qemu, size: int) -> int:
        """Guest instructions from the host's request until the guest has done all that it brings."""
        before = self.insn_count.instructions()
        self.guest.resize(qemu, size)
        return self.insn_count.instructions() - before

    def idle(self, size: int) -> tuple[list[float], list[float]]:
        """Instructions to plug `size` on a fresh boot, and to unplug it again, idle."""
        plugs, unplugs = [], []
        for _ in range(self.guest.boots):
            with Qemu(self.counted(self.guest.machine(size)), self.folder) as qemu:
                self.guest.wait_ready(qemu)
                quiet(qemu, 0)  # what follows the start is not of the resize
                plugs.append(float(self.instructions(qemu, size)))
                unplugs.append(float(self.instructions(qemu, 0)))
        return plugs, unplugs

    def large(self) -> tuple[list[float], list[float], list[float]]:
        """Requests to plug and to unplug 8 GiB by QEMU's trace, and what QEMU's memory grew by."""
        plugs, unplugs, grown = [], [], []
        for _ in range(self.guest.boots):
            with Qemu(self.guest.machine(8 * GIB), self.folder) as qemu:
                self.guest.wait_ready(qemu)
                # TCG translates the driver's code once, into memory of QEMU's own: not of the resize.
                self.guest.resize(qemu, 2 * MIB)
                self.guest.resize(qemu, 0)
                start, resident = len(qemu.trace().requests), steady(qemu.resident)
                for size in (8 * GIB, 0):
                    self.guest.resize(qemu, size)
                    if size:
                        grown.append(float(qemu.resident() - resident))
                kinds = [request.kind for request in qemu.trace().requests[start:]]
                plugs.append(float(kinds.count("plug")))
                unplugs.append(float(len(kinds) - kinds.count("plug")))
        return plugs, unplugs, grown

    def with_pages_to_move(self, chunk: int) -> list[tuple[int, dict[str, int]]]:
        """Instructions to give back half of 1 GiB, 42 % of which is held in scattered movable chunks.

        With the last line of the workload, which has checked the chunks' contents then.
        """
        samples = []
        for _ in range(self.guest.boots):
            with Qemu(self.counted(self.guest.machine(GIB)), self.folder) as qemu:
                self.guest.wait_ready(qemu)
                self.guest.resize(qemu, GIB)
                reclaim.hold(qemu.guest, GIB, chunk, reclaim.BENCH_OCCUPANCY, 100)
                count = self.instructions(qemu, GIB // 2)
                samples.append((count, reclaim.release(qemu.guest)))
                if samples[-1][1].get("moved") == 0:
                    raise RuntimeError("nothing was moved")
        return samples

    def scattered(self, size: int) -> tuple[list[float], list[float]]:
        """Instructions to shrink from 80 to 60 % where every second pageblock is held, and to grow back.

        The first shrink, to 80 %, has taken idle pageblocks away before.
        """
        shrinks, regrows = [], []
        most, less = (size * tenths // 10 // reclaim.BLOCK * reclaim.BLOCK for tenths in (8, 6))
        for _ in range(self.guest.boots):
            with Qemu(self.counted(self.guest.machine(size, movable=False)), self.folder) as qemu:
                self.guest.wait_ready(qemu)
                self.guest.resize(qemu, size)
                self.guest.hold_every_second(qemu, size)
                self.guest.resize(qemu, most)
                shrinks.append(float(self.instructions(qemu, less)))
                regrows.append(float(self.instructions(qemu, most)))
        return shrinks, regrows

    def scattered_figures(self, tell: Tell, size: int) -> list[Figure]:
        tell(f"giving back {size // GIB} GiB of which every second block is held")
        target = 3e6 * size / (4 * GIB)  # linear in the runs
        return [
            least(f"{size // GIB} GiB, every second block held: {way} %", "instructions", target, samples)
            for way, samples in zip(("80 to 60", "60 to 80"), self.scattered(size))
        ]

    def pairs(self, nr_cpus: int) -> dict[str, list[float]]:
        """Instructions for one alloc and its free, by pattern and order, on so many processors at once."""
        samples: dict[str, list[float]] = {}
        for _ in range(self.guest.boots):
            machine = self.counted(self.guest.machine(2 * GIB))
            machine.cpus = nr_cpus
            machine.accel = "tcg,thread=single"  # the plugin's addition is not atomic
            with Qemu(machine, self.folder) as qemu:
                self.guest.wait_ready(qemu)
                self.guest.resize(qemu, 2 * GIB)
                for pattern in self.guest.patterns:
                    for order in (0, 9):
                        before = self.insn_count.instructions()
                        self.guest.do_pairs(qemu, pattern, order, PAIRS, nr_cpus)
                        each = (self.insn_count.instructions() - before) / (PAIRS * nr_cpus)
                        samples.setdefault(f"{pattern}, order {order}", []).append(each)
        return samples

    def figures(self, tell: Tell) -> list[Figure]:
        tell("counting guest instructions")
        plug, unplug = self.idle(GIB)
        tell("giving back half, with pages to move")
        moved = [float(count) for count, _ in self.with_pages_to_move(256 * KIB)]
        scattered = self.scattered_figures(tell, 4 * GIB)
        tell("allocating on 1 processor")
        pairs = self.pairs(1)
        tell("plugging 8 GiB")
        plugs, unplugs, grown = self.large()
        return [
            least("plug 1 GiB, 2 MiB blocks", "instructions", 10e3, plug),
            least("unplug 1 GiB, idle", "instructions", 12e3, unplug),
            least("unplug 512 of 1024 MiB, 42 % held", "instructions", 60e6, moved),
            middle("plug 8 GiB", "requests", 1, plugs),
            middle("unplug 8 GiB", "requests", 1, unplugs),
            middle("QEMU grows by, plug 8 GiB", "bytes", MIB, grown),
            *scattered,
            *(middle(f"alloc + free, {name}", "instructions", PAIR_TARGETS[name.split(",")[0]], samples)
              for name, samples in pairs.items()),
        ]

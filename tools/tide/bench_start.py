# SPDX-License-Identifier: BSD-2-Clause
"""What a guest's start takes beyond that of the image that does nothing: rows of `make bench`."""

from pathlib import Path
from typing import Callable

from . import start
from .bench_guest import BenchGuest, TideGuest
from .figure import Figure, least, middle
from .insn_count import InsnCount
from .machine import Machine
from .units import GIB


class Starts:
    """One guest's start beside that of the image `nothing` (tests/bench/nop.S)."""

    def __init__(self, guest: BenchGuest, nothing: Path, plugin: Path, folder: Path):
        self.guest = guest
        self.nothing = TideGuest(nothing)
        self.folder = folder
        self.insn_count = InsnCount(plugin, folder / "instructions")

    def machine(self, guest: BenchGuest, kind: str, bios: str | None = None, log: str = "") -> Machine:
        """One that QEMU does not end by itself: the image that does nothing writes to the exit device."""
        machine = guest.machine(2 * GIB, kind, log)
        machine.exit_device, machine.bios = False, bios
        return machine

    def times(self, kind: str) -> Figure:
        """The guest's processor time by that of the image that does nothing: pairs, run in turn."""
        ratios = [
            start.cpu_seconds(self.machine(self.guest, kind), self.guest.ready)
            / start.cpu_seconds(self.machine(self.nothing, kind))
            for _ in range(self.guest.start_pairs)
        ]
        return middle(f"start to ready, {kind}", "x nothing", 1.15, ratios)

    def instructions(self, guest: BenchGuest) -> list[int]:
        return [start.instructions(self.machine(guest, "q35", "qboot.rom"), self.insn_count, guest.ready)
                for _ in range(guest.boots)]  # fmt: skip

    def accesses(self, guest: BenchGuest, log: str = "") -> int:
        return len(start.accesses(self.machine(guest, "q35", "qboot.rom", log), self.folder / "accesses.log"))

    def figures(self, tell: Callable[[str], None]) -> list[Figure]:
        rows = []
        for kind in ("q35", "pc"):
            tell(f"starting {kind} {2 * self.guest.start_pairs} times")
            rows.append(self.times(kind))
        tell("counting what the start takes under qboot")
        nothing = min(self.instructions(self.nothing))
        counts = [float(count - nothing) for count in self.instructions(self.guest)]
        return [*rows, least("start to ready, qboot", "instructions", 250e3, counts)]

    def access_figures(self) -> list[Figure]:
        """Under qboot, with what is logged and without: of a guest that is silent before its line."""
        base = self.accesses(self.nothing)
        quiet, all_told = (float(self.accesses(self.guest, log) - base) for log in ("error", ""))
        return [
            Figure("accesses, start to ready, qboot, log=error", "accesses", quiet, 250, [quiet]),
            Figure("accesses, start to ready, qboot", "accesses", all_told, 250, [all_told]),
        ]

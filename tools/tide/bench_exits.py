# SPDX-License-Identifier: BSD-2-Clause
"""Accesses, interrupts and wake-ups, counted in the same way for Tide and for Linux: rows of `make bench`."""

import time
from collections import Counter
from pathlib import Path
from typing import Callable

from . import reclaim
from .bench_guest import BenchGuest, quiet
from .exits import ARGUMENTS, KINDS, Record, accesses_of, by_kind, until_done
from .figure import Figure, least, middle
from .machine import Machine
from .qemu import Qemu
from .units import GIB, KIB, MIB

Tell = Callable[[str], None]
IDLE_SECONDS = 10
SIZES = {"2 MiB": 2 * MIB, "1 GiB": GIB, "8 GiB": 8 * GIB}
ALL = "all accesses"
PLUG_TARGETS = {ALL: 30, "virtio": 10, "interrupt controller": 6, "serial": 14, "timer": 0, "other": 0, "interrupts": 1}


class Exits:
    """The counts of one guest; each boots it anew, in `folder`."""

    def __init__(self, guest: BenchGuest, folder: Path):
        self.guest = guest
        self.folder = folder

    def traced(self, size: int, cpus: int = 1, log: str = "") -> Machine:
        machine = self.guest.machine(size, log=log)
        machine.cpus = cpus
        machine.extra += ARGUMENTS
        return machine

    def resize(self, qemu: Qemu, size: int) -> Counter[str]:
        """What a resize takes, by kind; the settled line is waited for as well."""
        record = Record(qemu)
        qemu.set_requested("vmem0", size)
        quiet(qemu, size)
        return by_kind(until_done(record.events()))

    def resizes(self) -> dict[str, list[float]]:
        """Accesses to plug some sizes and unplug them again where nobody logs, by "plug 1 GiB"."""
        samples: dict[str, list[float]] = {}
        for _ in range(self.guest.boots):
            with Qemu(self.traced(8 * GIB, log="error"), self.folder) as qemu:
                self.guest.wait_ready(qemu)
                quiet(qemu, 0)
                for name, size in SIZES.items():
                    for way, requested in (("plug", size), ("unplug", 0)):
                        counts = self.resize(qemu, requested)
                        total = float(sum(counts[kind] for kind in KINDS))
                        samples.setdefault(f"{way} {name}", []).append(total)
        return samples

    def kinds(self) -> dict[str, list[float]]:
        """What plugging 1 GiB takes with the settled line, by kind."""
        samples: dict[str, list[float]] = {}
        for _ in range(self.guest.boots):
            with Qemu(self.traced(GIB), self.folder) as qemu:
                self.guest.wait_ready(qemu)
                quiet(qemu, 0)
                counts = self.resize(qemu, GIB)
                counts[ALL] = sum(counts[kind] for kind in KINDS)
                for kind in PLUG_TARGETS:
                    samples.setdefault(kind, []).append(float(counts[kind]))
        return samples

    def moving(self) -> tuple[list[float], list[float]]:
        """Accesses and interrupts while half of 1 GiB is given back, 42 % of it held in chunks of 256 KiB."""
        accesses, interrupts = [], []
        for _ in range(self.guest.boots):
            with Qemu(self.traced(GIB), self.folder) as qemu:
                self.guest.wait_ready(qemu)
                self.guest.resize(qemu, GIB)
                reclaim.hold(qemu.guest, GIB, 256 * KIB, reclaim.BENCH_OCCUPANCY, 100)
                quiet(qemu, GIB)
                counts = self.resize(qemu, GIB // 2)
                accesses.append(float(sum(counts[kind] for kind in KINDS)))
                interrupts.append(float(counts["interrupts"]))
        return accesses, interrupts

    def idle(self, cpus: int) -> tuple[list[float], list[float]]:
        """Wake-ups and accesses a second, of 1 GiB plugged and nothing to do."""
        wakeups, accesses = [], []
        for _ in range(self.guest.boots):
            with Qemu(self.traced(GIB, cpus), self.folder) as qemu:
                self.guest.wait_ready(qemu)
                self.guest.resize(qemu, GIB)
                quiet(qemu, GIB)
                record, began = Record(qemu), time.monotonic()
                time.sleep(IDLE_SECONDS)
                events, seconds = record.events(), time.monotonic() - began
                accesses.append(accesses_of(events) / seconds)
                wakeups.append((len(events) - accesses_of(events)) / seconds)
        return wakeups, accesses

    def figures(self, tell: Tell) -> list[Figure]:
        rows = []
        tell("counting accesses")
        for way, samples in self.resizes().items():
            rows.append(least(f"accesses, {way}", "accesses", 16, samples))
        for kind, samples in self.kinds().items():
            unit = "interrupts" if kind == "interrupts" else "accesses"
            rows.append(least(f"plug 1 GiB, settled line: {kind}", unit, PLUG_TARGETS[kind], samples))
        tell("counting accesses while pages move")
        for unit, target, samples in zip(("accesses", "interrupts"), (200, 2), self.moving()):
            rows.append(least(f"{unit}, unplug 512 of 1024 MiB, 42 % held", unit, target, samples))
        for cpus in (1, 4):
            tell(f"watching {cpus} idle processors")
            name = "1 vCPU" if cpus == 1 else f"{cpus} vCPUs"
            for unit, target, samples in zip(("wake-ups", "accesses"), (2, 10), self.idle(cpus)):
                rows.append(middle(f"{unit}, idle, {name}", "a second", target, samples))
        return rows

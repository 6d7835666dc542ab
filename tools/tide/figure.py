# SPDX-License-Identifier: BSD-2-Clause
"""The figures of `make bench`: one row each, the record that is committed, and the README's table of it.

The record is docs/figures/bench.json: what the last bench measured of Tide, and the last one with
LINUX=1 of Linux. `tools/readme` writes the record and the table together, and lint compares them.
"""

import json
import re
import statistics
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable

from .units import human_size

RECORD = Path("docs/figures/bench.json")
PAGE = Path("README.md")
_TABLE = re.compile(r"(<!-- make readme -->\n).*?(<!-- end -->\n)", re.DOTALL)

# What the README shows: words, and the figures that stand in the row, in the order of the bench.
SHOWN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("guest instructions to plug 1 GiB of 2 MiB blocks", ("plug 1 GiB, 2 MiB blocks",)),
    ("guest instructions to unplug 1 GiB, idle", ("unplug 1 GiB, idle",)),
    ("guest instructions to plug 512 GiB, and to unplug them, idle", ("plug 512 GiB", "unplug 512 GiB, idle")),
    ("guest instructions to shrink 4 GiB from 80 to 60 %, every second block held, and to grow back",
     ("4 GiB, every second block held: 80 to 60 %", "4 GiB, every second block held: 60 to 80 %")),
    ("the most guest instructions before the main loop looks at the host and the user again, 512 GiB",
     ("longest pass of the main loop, 512 GiB",)),
    ("guest instructions to give back half of 1 GiB, 42 % of it held in scattered pieces of 256 KiB that can be moved",
     ("unplug 512 of 1024 MiB, 42 % held",)),
    ("guest instructions to move a page of 4 KiB, beside its copy; of a virtual area",
     ("a page of 4 KiB moved, beside its copy", "the same of a virtual area")),
    ("guest instructions to allocate a page of 4 KiB and free it; of 2 MiB",
     ("alloc + free, hot, order 0", "alloc + free, hot, order 9")),
    ("requests for 8 GiB, plug and unplug", ("plug 8 GiB", "unplug 8 GiB")),
    ("what QEMU's memory grows by when 8 GiB are plugged, unused", ("QEMU grows by, plug 8 GiB",)),
    ("accesses to devices, each an exit under KVM, to plug 2 MiB; 1 GiB; 8 GiB, with `log=error`",
     ("accesses, plug 2 MiB", "accesses, plug 1 GiB", "accesses, plug 8 GiB")),
    ("the same of 1 GiB with the settled line: all; virtio; interrupt controller; timer; serial port",
     ("plug 1 GiB, settled line: all accesses", "plug 1 GiB, settled line: virtio", "plug 1 GiB, settled line: interrupt controller",
      "plug 1 GiB, settled line: timer", "plug 1 GiB, settled line: serial")),
    ("interrupts meanwhile", ("plug 1 GiB, settled line: interrupts",)),
    ("accesses to give back half of 1 GiB, 42 % of it held as above; interrupts",
     ("accesses, unplug 512 of 1024 MiB, 42 % held", "interrupts, unplug 512 of 1024 MiB, 42 % held")),
    ("wake-ups a second with nothing to do, 1 vCPU; 4 vCPUs", ("wake-ups, idle, 1 vCPU", "wake-ups, idle, 4 vCPUs")),
    ("accesses a second with nothing to do, 1 vCPU; 4 vCPUs", ("accesses, idle, 1 vCPU", "accesses, idle, 4 vCPUs")),
    ("QEMU's start to the guest's `ready` line, its processor time against that of an image that does nothing: q35; pc",
     ("start to ready, q35", "start to ready, pc")),
)  # fmt: skip


@dataclass
class Figure:
    """One row: what was measured, and what it must reach."""

    name: str
    unit: str
    measured: float
    target: float
    samples: list[float] = field(default_factory=list)

    @property
    def reached(self) -> bool:
        return self.measured <= self.target


@dataclass
class LinuxFigures:
    """What Linux needs for the same, by the name of the figure, and with which versions that was measured."""

    linux: str
    qemu: str
    figures: dict[str, float]


def middle(name: str, unit: str, target: float, samples: list[float]) -> Figure:
    return Figure(name, unit, statistics.median(samples), target, samples)


def least(name: str, unit: str, target: float, samples: list[float]) -> Figure:
    """Of counts to which a slow host only adds, such as its timer ticks."""
    return Figure(name, unit, min(samples), target, samples)


def shown(value: float, unit: str) -> str:
    """A figure as the tables have it: 599, 15 k, 18.8 M, 1.15 x, 4.0 KiB."""
    if unit == "bytes":
        return human_size(value)
    if unit.startswith("x "):
        return f"{value:.2f} x" if value < 10 else f"{value:.0f} x"
    for least_value, factor, letter in ((1e9, 1e9, " G"), (999_500, 1e6, " M"), (9_999.5, 1e3, " k")):
        if value >= least_value:
            return f"{value / factor:.3g}{letter}"
    return f"{value:.1f}" if value < 10 and value != int(value) else f"{value:,.0f}"


def read_record(path: Path) -> dict[str, Any]:
    """The record, or ValueError with what is wrong about it."""
    try:
        record: dict[str, Any] = json.loads(path.read_text())
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}: `make bench` and `make readme` write it") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return record


def recorded_linux(path: Path) -> LinuxFigures:
    return LinuxFigures(**read_record(path)["linux"])


def to_record(report: dict[str, Any]) -> dict[str, Any]:
    """What is kept of build/bench.json: no samples, and nothing of the machine."""
    figures = [{key: row[key] for key in ("name", "unit", "measured", "target")} for row in report["figures"]]
    return {"qemu": report["qemu"], "linux": report["linux"], "figures": figures}


def _cells(names: Iterable[str], values: dict[str, float], units: dict[str, str]) -> str:
    """The figures of one row; one dash where there is none."""
    words = [shown(values[name], units[name]) if name in values else "-" for name in names]
    return "-" if set(words) == {"-"} else "; ".join(words)


def render(record: dict[str, Any]) -> str:
    """The README's words and table of a record; KeyError names a figure that it lacks."""
    linux = LinuxFigures(**record["linux"])
    units = {row["name"]: row["unit"] for row in record["figures"]}
    tide = {row["name"]: row["measured"] for row in record["figures"]}
    lines = [f"By `make bench` on {record['qemu']} under TCG, beside the virtio_mem driver of Linux {linux.linux} on {linux.qemu}:",
             "", "| figure | Linux | Tide |", "|---|---|---|"]  # fmt: skip
    for words, names in SHOWN:
        for name in names:
            tide[name]  # each must be there
        lines.append(f"| {words} | {_cells(names, linux.figures, units)} | {_cells(names, tide, units)} |")
    return "\n".join(lines) + "\n"


def with_table(page: str, record: dict[str, Any]) -> str:
    """The page with the record's table between its two marks."""
    if len(_TABLE.findall(page)) != 1:
        raise ValueError(f"{PAGE}: no place for the figures: `<!-- make readme -->` to `<!-- end -->`, once")
    return _TABLE.sub(lambda marks: marks[1] + render(record) + marks[2], page)


def complaints(page: str, record: dict[str, Any]) -> list[str]:
    """What lint says where the README and the record differ, or a figure is there twice."""
    names = [row["name"] for row in record["figures"]]
    found = [f"{RECORD}: {name}: {count} times" for name, count in Counter(names).items() if count > 1]
    in_readme = Counter(name for _, row in SHOWN for name in row)
    found += [f"{PAGE}: {name}: in {count} rows" for name, count in in_readme.items() if count > 1]
    found += [f"{RECORD}: Linux has '{name}', Tide has not" for name in record["linux"]["figures"] if name not in names]
    try:
        if with_table(page, record) != page:
            found.append(f"{PAGE}: its figures are not those of {RECORD}: `make readme` writes both")
    except KeyError as error:
        found.append(f"{RECORD}: has no figure {error}, which {PAGE} shows")
    except ValueError as error:
        found.append(str(error))
    return found

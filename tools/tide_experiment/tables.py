# SPDX-License-Identifier: BSD-2-Clause
"""Tables for the terminal: the keys of a scenario, and the results with medians and spread."""

import re
from dataclasses import dataclass
from typing import Any, Callable

from rich import box
from rich.console import Console
from rich.table import Table
from tide.units import format_size, human_size

from . import results
from .keys import SECTIONS
from .results import Cell
from .schema import Key


def _default(value: Any, key: Key) -> str:
    if value is ...:
        return "must be given"
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if "a size" in (key.kind.allowed if key.kind else ""):
        return format_size(value)
    if "a time" in (key.kind.allowed if key.kind else ""):
        return f"{value:g} s"
    return str(value)


def print_keys(console: Console) -> None:
    """Every key of every table, with its default and what is allowed."""
    for title, keys in SECTIONS:
        console.print(f"\n{title}", style="bold", markup=False)
        for name, key in keys.items():
            allowed = key.kind.allowed if key.kind else ""
            console.print(f"  {name:<20} {key.help}", soft_wrap=True, markup=False)
            console.print(f"  {'':<20} {allowed + '; ' if allowed else ''}default: {_default(key.default, key)}",
                          style="bright_black", soft_wrap=True, markup=False)  # fmt: skip
    console.print("\n[sweep]", style="bold", markup=False)
    console.print('  "TABLE.KEY" = [VALUE, ...]: one run for each value (and for each pair, of two keys);\n'
                  '  "device.0.block" and "step.2.requested" name one of several tables', markup=False)  # fmt: skip


def big(value: float) -> str:
    """A count for a person: 812, 18.8 k, 74.7 M."""
    for suffix, unit in ((" G", 1e9), (" M", 1e6), (" k", 1e3)):
        if abs(value) >= unit:
            return f"{value / unit:.3g}{suffix}"
    return f"{value:.3g}"


def milliseconds(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def short_variant(variant: str) -> str:
    """ "workload.occupancy=5,device.block=2M" -> "occupancy=5, block=2M"."""
    return ", ".join(re.sub(r"^(?:\w+\.)+", "", part) for part in variant.split(","))


def step_name(cell: Cell) -> str:
    """ "1G -> 512M", with the schedule's label before it."""
    change = f"{format_size(cell.size_before)} → {format_size(cell.requested)}"
    return f"{cell.label}: {change}" if cell.label else change


def settled(cell: Cell) -> str:
    """ "yes", "1 of 3", or "no: 38.2 MiB" with the size that was reached."""
    if cell.settled == cell.runs:
        return "yes"
    if cell.settled or not cell.reached:
        return f"{cell.settled} of {cell.runs}"
    return f"no: {human_size(cell.reached.median)}"


# ---- the results: the same columns in the terminal and on the page ----


@dataclass(frozen=True)
class Column:
    """A column of the results: words, or a measure with its spread. Of `rare` ones only what is not zero is shown."""

    title: str
    words: Callable[[Cell], str] | None = None
    measure: str = ""
    show: Callable[[float], str] = big
    rare: bool = False

    def cell(self, cell: Cell) -> tuple[str, str]:
        """The median, and how far to trust it, if that says more."""
        if self.words:
            return self.words(cell), ""
        spread = cell.measures[self.measure]
        if spread is None:
            return "–", ""
        low, high = self.show(spread.low), self.show(spread.high)
        return self.show(spread.median), "" if spread.count == 1 or low == high else f"{low} to {high}"

    def worth(self, cells: list[Cell]) -> bool:
        """Whether it tells anything about these cells."""
        if self.title in ("variant", "device", "mechanism"):
            return len({self.cell(cell) for cell in cells}) > 1
        return not self.rare or any((spread := cell.measures[self.measure]) and spread.high for cell in cells)


COLUMNS = (
    Column("variant", lambda cell: short_variant(cell.variant)),
    Column("device", lambda cell: cell.device),
    Column("guest", lambda cell: cell.guest),
    Column("mechanism", lambda cell: cell.mechanism),
    Column("resize", step_name),
    Column("settled", settled),
    Column("n", lambda cell: str(cell.runs)),
    Column("time, ms", measure="settle_ms", show=milliseconds),
    Column("instructions", measure="instructions"),
    Column("requests", measure="requests"),
    Column("moved", measure="workload_moved", rare=True),
    Column("BUSY", measure="busy", rare=True),
    Column("CPU, ms", measure="cpu_ms", show=milliseconds),
    Column("resident", measure="resident_change", show=human_size),
)


def result_columns(cells: list[Cell]) -> list[Column]:
    """The columns that tell anything about these cells."""
    return [column for column in COLUMNS if column.worth(cells)]


def spread_words(cells: list[Cell]) -> str:
    """What stands in brackets."""
    spreads = [spread for cell in cells for spread in cell.measures.values() if spread and spread.count > 1]
    meanings = results.unique(spread.meaning for spread in spreads)
    return f"Medians of the runs that have a value; in brackets: {'; '.join(meanings)}" if meanings else "Single runs"


def print_results(experiment: results.Experiment, console: Console) -> None:
    """One row for each resize, guest and variant: the median of all runs and its spread in brackets."""
    cells = results.cells(experiment)
    columns = result_columns(cells)
    table = Table(box=box.SIMPLE_HEAD, title=experiment.meta.get("title"), title_justify="left", padding=(0, 1),
                  caption=spread_words(cells), caption_justify="left")  # fmt: skip
    for column in columns:
        table.add_column(column.title, justify="left" if column.words else "right", overflow="fold")
    for cell in cells:
        found = [column.cell(cell) for column in columns]
        table.add_row(*[f"{median} ({spread})" if spread else median for median, spread in found])
    console.print(table)
    for run in experiment.runs:
        if run.meta["status"] != "complete":
            console.print(f"{run.folder.name}: {run.meta['status']}: {run.meta.get('reason')}"
                          f"; missing: {', '.join(run.meta.get('missing') or ['nothing'])}",
                          style="red", soft_wrap=True, markup=False)  # fmt: skip

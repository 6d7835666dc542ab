# SPDX-License-Identifier: BSD-2-Clause
"""Tables for the terminal: the keys of a scenario, and the results with medians and spread."""

import re
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from tide.units import format_size, human_size

from . import results, scenario
from .results import Cell, Spread


def _default(value: Any, key: scenario.Key) -> str:
    if value is ...:
        return "must be given"
    if value is None:
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
    parts: list[tuple[str, dict[str, scenario.Key]]] = [
        ("at the top", scenario.TOP),
        ("[machine]", scenario.MACHINE),
        ("[[device]]", scenario.DEVICE),
    ]
    parts += [(f'[workload] kind = "{kind}"', keys) for kind, keys in scenario.WORKLOADS.items()]
    parts += [("[[step]]", scenario.STEP), ("[record]", scenario.RECORD), ("[linux]", scenario.LINUX)]
    for title, keys in parts:
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


def _with_spread(spread: Spread | None, show: Any) -> str:
    if spread is None:
        return "-"
    if spread.count == 1 or spread.low == spread.high:
        return str(show(spread.median))
    return f"{show(spread.median)} ({show(spread.low)}–{show(spread.high)})"


def _median(spread: Spread | None, show: Any) -> str:
    return "-" if spread is None else str(show(spread.median))


def short_variant(variant: str) -> str:
    """ "workload.occupancy=5,device.block=2M" -> "occupancy=5, block=2M"."""
    return ", ".join(re.sub(r"^(?:\w+\.)+", "", part) for part in variant.split(","))


def step_name(cell: Cell) -> str:
    """ "1G -> 512M", with the schedule's label before it."""
    change = f"{format_size(cell.size_before)} → {format_size(cell.requested)}"
    return f"{cell.label}: {change}" if cell.label else change


def print_results(experiment: results.Experiment, console: Console) -> None:
    """One row for each resize, guest and variant: the median of all runs, for time and
    instructions with the least and the most in brackets."""
    cells = results.cells(experiment)
    columns = {
        "variant": len(experiment.variants()) > 1,
        "device": len({cell.device for cell in cells}) > 1,
        "guest": True,
    }
    table = Table(box=box.SIMPLE_HEAD, title=experiment.meta.get("title"), title_justify="left", padding=(0, 1))
    for name in [name for name, shown in columns.items() if shown] + ["resize", "settled"]:
        table.add_column(name, no_wrap=name != "resize")
    for name in ("ms", "instructions", "requests", "CPU ms", "resident"):
        table.add_column(name, justify="right", no_wrap=True)
    for cell in cells:
        values = {"variant": short_variant(cell.variant), "device": cell.device, "guest": cell.guest}
        settled = "yes" if cell.settled == cell.runs else f"{cell.settled} of {cell.runs}"
        if not cell.settled and cell.reached:
            settled = f"no: {human_size(cell.reached.median)}"
        table.add_row(
            *[values[name] for name, shown in columns.items() if shown],
            step_name(cell),
            settled,
            _with_spread(cell.measures["settle_ms"], milliseconds),
            _with_spread(cell.measures["instructions"], big),
            _median(cell.measures["requests"], big),
            _median(cell.measures["cpu_ms"], milliseconds),
            _median(cell.measures["resident_change"], human_size),
        )
    console.print(table)
    for run in experiment.runs:
        if run.meta["status"] != "complete":
            console.print(f"{run.folder.name}: {run.meta['status']}: {run.meta.get('reason')}"
                          f"; missing: {', '.join(run.meta.get('missing') or ['nothing'])}",
                          style="red", soft_wrap=True, markup=False)  # fmt: skip

# SPDX-License-Identifier: BSD-2-Clause
"""What a whole run cost, from its samples and steps: a value for each metric, and metrics.csv.

A sample stands until the next one. Of guests that ran together the row of the guest "all" has the sums,
and the peak of the sum.
"""

import statistics
from dataclasses import dataclass
from typing import Any, Callable, Iterable

from rich import box
from rich.console import Console
from rich.table import Table
from tide.units import GIB, human_size

from . import folder, tables
from .results import Experiment, RunResult

PAGE_BYTES = 4096
Values = dict[str, float | None]
Series = list[tuple[float, float]]  # time in seconds, value from then on


@dataclass(frozen=True)
class Metric:
    """One metric: its column, its title for people, and how a value is shown."""

    name: str
    title: str
    show: Callable[[float], str]


METRICS = (
    Metric("resident_gib_min", "resident, GiB·min", lambda value: f"{value:.3f}"),
    Metric("plugged_gib_min", "plugged, GiB·min", lambda value: f"{value:.3f}"),
    Metric("resident_peak", "most resident", human_size),
    Metric("plugged_peak", "most plugged", human_size),
    Metric("denied", "denied", tables.big),
    Metric("below_demand_s", "below demand, s", lambda value: f"{value:.2f}"),
    Metric("stolen_instructions", "stolen", tables.big),
    Metric("stolen_most", "most in a slice", tables.big),
    Metric("pages_moved", "pages moved", tables.big),
    Metric("migration_bytes", "migrated", human_size),
    Metric("migration_ms", "migration, ms", tables.milliseconds),
)


def integral(series: Series) -> float:
    """Value by seconds, from the first sample to the last."""
    return sum(value * (later - time) for (time, value), (later, _) in zip(series, series[1:]))


def together(all_series: Iterable[Series]) -> Series:
    """The sum of several, each 0 before its first sample and after its last."""
    changes: list[tuple[float, float]] = []
    for series in all_series:
        values = [0.0, *[value for _, value in series[:-1]], 0.0]
        changes += [(time, after - before) for (time, _), before, after in zip(series, values, values[1:])]
    total, result = 0.0, []
    for time, change in sorted(changes):
        total += change
        if result and result[-1][0] == time:
            result.pop()
        result.append((time, total))
    return result


def series_of(run: RunResult, column: str, add: bool = False) -> Series:
    """A column of series.csv by time: of the first device that has it, or added over all devices."""
    moments: dict[float, float] = {}
    for row in run.series:
        value = row.get(column)
        if value is not None and (add or row["time_s"] not in moments):
            moments[row["time_s"]] = moments.get(row["time_s"], 0.0) + value
    return list(moments.items())


def rises(series: Series) -> float:
    """How much a counter rose, which begins again at 0 with each workload."""
    values = [value for _, value in series]
    return sum(after - before if after >= before else after for before, after in zip([0.0, *values], values))


def below_demand(run: RunResult) -> float | None:
    """Seconds in which the workload held less than it wanted."""
    held, target = series_of(run, "workload_held"), dict(series_of(run, "workload_target"))
    if not held:
        return None
    return integral([(time, float(value < target.get(time, value))) for time, value in held])


def stolen(run: RunResult) -> tuple[float, float] | None:
    """Guest instructions that resizes took from the workload, in all and in the worst slice.

    A slice is the time between two looks at the guest. What one costs without a resize is a fixed part, the
    median of slices in which the workload did nothing, and a part for each of its operations, the median of slices
    in which it worked. What a slice with a resize costs beyond that is stolen. None without slices to compare with.
    """
    rows = {row["time_s"]: row for row in run.series if row.get("workload_ops") is not None and row["instructions"] is not None}
    resizing = {row["time_s"] for before, row in zip([*run.series[:1], *run.series], run.series)
                if row["size"] != row["requested"] or row["requested"] != before["requested"]}  # fmt: skip
    slices = []
    times = list(rows)
    for first, last in zip(times, times[1:]):
        operations = rows[last]["workload_ops"] - rows[first]["workload_ops"]
        if operations >= 0:
            resized = any(first < time <= last for time in resizing) or rows[first]["size"] != rows[last]["size"]
            slices.append((rows[last]["instructions"] - rows[first]["instructions"], operations, resized))
    idle = [instructions for instructions, operations, resized in slices if not resized and operations == 0]
    fixed = statistics.median(idle) if idle else 0.0
    busy = [(instructions - fixed) / operations for instructions, operations, resized in slices if not resized and operations]
    if not busy:
        return None
    each = statistics.median(busy)
    taken = [max(instructions - fixed - each * operations, 0.0) for instructions, operations, resized in slices if resized]
    return sum(taken), max(taken, default=0.0)


def moved(run: RunResult) -> float | None:
    """Pages that the guest moved: by its kernel's count, or the workload's chunks that were."""
    counted = series_of(run, "pages_moved")
    if counted:
        return counted[-1][1] - counted[0][1]
    workload = run.meta.get("workload")
    chunks = [row["workload_moved"] for row in run.steps if row.get("workload_moved") is not None]
    return sum(chunks) * workload["chunk"] / PAGE_BYTES if workload and chunks else None


def _sum(run: RunResult, column: str) -> float | None:
    """Over the steps, each of which says it once for all devices."""
    values = {row["step"]: row[column] for row in run.steps if row.get(column) is not None}
    return sum(values.values()) if values else None


def of_run(run: RunResult) -> Values:
    """Every metric of a run; None where it has none."""
    resident, plugged = series_of(run, "resident"), series_of(run, "size", add=True)
    taken = stolen(run)
    denied = series_of(run, "workload_denied")
    return {
        "resident_gib_min": integral(resident) / GIB / 60,
        "plugged_gib_min": integral(plugged) / GIB / 60,
        "resident_peak": max((value for _, value in resident), default=None),
        "plugged_peak": max((value for _, value in plugged), default=None),
        "denied": rises(denied) if denied else None,
        "below_demand_s": below_demand(run),
        "stolen_instructions": taken[0] if taken else None,
        "stolen_most": taken[1] if taken else None,
        "pages_moved": moved(run),
        "migration_bytes": _sum(run, "migration_bytes"),
        "migration_ms": _sum(run, "migration_ms"),
    }


def of_group(runs: list[RunResult]) -> Values:
    """The guests of one run together."""
    each = [of_run(run) for run in runs]
    values: Values = {}
    for metric in METRICS:
        known = [one[metric.name] for one in each]
        numbers = [value for value in known if value is not None]
        values[metric.name] = (max if metric.name == "stolen_most" else sum)(numbers) if numbers else None
    for name, column in (("resident_peak", "resident"), ("plugged_peak", "size")):
        sums = together(series_of(run, column, add=column == "size") for run in runs)
        values[name] = max((value for _, value in sums), default=None)
    return values


@dataclass(frozen=True)
class Row:
    """The metrics of a run, or of the guests of one."""

    guest: str
    variant: str
    seed: Any
    repetition: Any
    status: str
    values: Values


def rows(experiment: Experiment) -> list[Row]:
    """A row for each run, and behind the guests of one another one for all of them."""
    found: list[Row] = []
    for index, run in enumerate(experiment.runs):
        meta = run.meta
        head = meta.get("seed"), meta.get("repetition")
        found.append(Row(run.guest, run.variant, *head, str(meta.get("status")), of_run(run)))
        group = meta.get("group")
        members = [one for one in experiment.runs if group and one.meta.get("group") == group]
        if members and members[-1] is experiment.runs[index]:
            variant = str(meta.get("of", ""))
            status = next((one.meta["status"] for one in members if one.meta["status"] != "complete"), "complete")
            found.append(Row("all", variant, *head, status, of_group(members)))
    return found


def write(experiment: Experiment) -> None:
    """metrics.csv of the experiment."""
    head = ("guest", "variant", "seed", "repetition", "run_status")
    table = folder.CsvFile(experiment.folder / "metrics.csv", [*head, *[metric.name for metric in METRICS]])
    for row in rows(experiment):
        values = {name: None if value is None else round(value, 6) for name, value in row.values.items()}
        table.add(dict(zip(head, (row.guest, row.variant, row.seed, row.repetition, row.status))) | values)
    table.close()


def print_metrics(experiment: Experiment, console: Console) -> None:
    """For each guest and variant the median of its runs; a metric that is nowhere more than 0 is left out."""
    listed = rows(experiment)
    shown = [metric for metric in METRICS if any(row.values[metric.name] for row in listed)]
    table = Table(box=box.SIMPLE_HEAD, title="Metrics of whole runs, medians", title_justify="left", padding=(0, 1))
    for name in ("variant", "guest"):
        table.add_column(name, no_wrap=name == "guest")
    for metric in shown:
        table.add_column(metric.title, justify="right")
    for variant, guest in dict.fromkeys((row.variant, row.guest) for row in listed):
        cells = []
        for metric in shown:
            values = [row.values[metric.name] for row in listed if (row.variant, row.guest) == (variant, guest)]
            numbers = [value for value in values if value is not None]
            cells.append(metric.show(statistics.median(numbers)) if numbers else "–")
        table.add_row(tables.short_variant(variant), guest, *cells)
    console.print(table)

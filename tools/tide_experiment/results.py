# SPDX-License-Identifier: BSD-2-Clause
"""Reading run folders back: rows of steps, samples, medians and spread."""

import json
import random
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterable

from . import folder

_NUMBERS = (int, float)


@dataclass
class RunResult:
    """One run folder as it stands, whole or not."""

    folder: Path
    meta: dict[str, Any]
    steps: list[dict[str, Any]]
    series: list[dict[str, Any]]

    @property
    def guest(self) -> str:
        return str(self.meta.get("guest", "?"))

    @property
    def mechanism(self) -> str:
        return str(self.meta.get("mechanism") or "virtio-mem")

    @property
    def variant(self) -> str:
        return str(self.meta.get("variant", ""))


@dataclass
class Experiment:
    """One experiment folder."""

    folder: Path
    meta: dict[str, Any]
    runs: list[RunResult] = field(default_factory=list)

    def guests(self) -> list[str]:
        return unique(run.guest for run in self.runs)

    def variants(self) -> list[str]:
        return unique(run.variant for run in self.runs)


def unique(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))


def number(text: str) -> Any:
    """A CSV field: a number where it is one, None where it is empty."""
    if text == "":
        return None
    for kind in _NUMBERS:
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _rows(path: Path) -> list[dict[str, Any]]:
    return [{key: number(value) for key, value in row.items()} for row in folder.read_csv(path)]


def read_run(path: Path) -> RunResult:
    return RunResult(path, folder.read_meta(path), _rows(path / "steps.csv"), _rows(path / "series.csv"))


def read_experiment(path: Path) -> Experiment:
    """Read an experiment's folder; ValueError if it is none."""
    if not (path / "runs").is_dir():
        raise ValueError(f"{path} is not the folder of an experiment: it has no runs/")
    try:
        meta = json.loads((path / "meta.json").read_text())
    except (OSError, ValueError):
        meta = {"name": path.parent.name}
    order = {name: index for index, name in enumerate(meta.get("runs", []))}
    folders = sorted((path / "runs").iterdir(), key=lambda run: (order.get(run.name, 10**6), run.name))
    return Experiment(path, meta, [read_run(run) for run in folders if run.is_dir()])


# ---- medians and spread ----


BOOTSTRAP_RUNS = 5  # from so many on an interval is estimated; fewer are shown from the least to the most
RESAMPLES = 2000
LEAST_TO_MOST = "from the least to the most"
INTERVAL = "95 % bootstrap interval of the median"


@dataclass(frozen=True)
class Spread:
    """What several runs gave for the same step: the median, and how far to trust it.

    `low` and `high` are the least and the most, and from BOOTSTRAP_RUNS values on the 95 % interval of
    the median by the percentile bootstrap. Its resamples are the same each time.
    """

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: list[float]) -> "Spread | None":
        if not values:
            return None
        low, high = bootstrap(values) if len(values) >= BOOTSTRAP_RUNS else (min(values), max(values))
        return cls(statistics.median(values), low, high, len(values))

    @property
    def meaning(self) -> str:
        """What `low` and `high` are."""
        return INTERVAL if self.count >= BOOTSTRAP_RUNS else LEAST_TO_MOST


def bootstrap(values: list[float]) -> tuple[float, float]:
    """The 95 % interval of the median of `values`, by the percentile bootstrap."""
    chance = random.Random(len(values))
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return medians[round(0.025 * (RESAMPLES - 1))], medians[round(0.975 * (RESAMPLES - 1))]


MEASURES = ("settle_ms", "instructions", "cpu_ms", "resident_change", "requests", "busy", "nack", "workload_moved")


@dataclass
class Cell:
    """One resize step of one guest and variant, over all seeds and repetitions."""

    guest: str
    mechanism: str
    variant: str
    keys: dict[str, Any]
    step: int
    label: str
    device: str
    size_before: int
    requested: int
    runs: int
    settled: int
    reached: Spread | None
    measures: dict[str, Spread | None]
    rows: list[dict[str, Any]]  # of steps.csv, one for each run

    @property
    def change(self) -> int:
        return self.requested - self.size_before


def measure(row: dict[str, Any], name: str) -> float | None:
    """A row's value of one of MEASURES; None where it has none."""
    if name == "resident_change":
        return row["resident_after"] - row["resident_before"]
    if name == "requests":
        return row["plug"] + row["unplug"] + row["unplug_all"]
    return row.get(name)


def _spread(rows: list[dict[str, Any]], name: str) -> Spread | None:
    values = [measure(row, name) for row in rows]
    return Spread.of([value for value in values if isinstance(value, _NUMBERS)])


def _cells(experiment: Experiment, wanted: Callable[[dict[str, Any]], Any]) -> list[Cell]:
    """The wanted rows of steps.csv by step, variant and guest, in the order of the schedule."""
    groups: dict[tuple[Any, ...], list[tuple[RunResult, dict[str, Any]]]] = {}
    for run in experiment.runs:
        for row in run.steps:
            if wanted(row):
                key = (run.variant, row["step"], row["device"], run.guest, run.mechanism)
                groups.setdefault(key, []).append((run, row))
    result = []
    for (variant, step, device, guest, mechanism), members in groups.items():
        rows = [row for _, row in members]
        first = rows[0]
        result.append(
            Cell(
                guest, mechanism, variant, members[0][0].meta.get("keys", {}), step, str(first["label"] or ""), device,
                first["size_before"], first["requested"], len(rows), sum(row["settled"] for row in rows),
                _spread(rows, "size_after"),
                {name: _spread(rows, name) for name in MEASURES}, rows,
            )
        )  # fmt: skip
    variants, guests = experiment.variants(), experiment.guests()
    order = lambda cell: (variants.index(cell.variant), cell.step, cell.device, guests.index(cell.guest))  # noqa: E731
    return sorted(result, key=order)


def cells(experiment: Experiment) -> list[Cell]:
    """Every step that asked a device for another size, and had something to do in some run."""
    asked = _cells(experiment, lambda row: row["asked"])
    return [cell for cell in asked if any(row["size_before"] != row["requested"] for row in cell.rows)]


def migrations(experiment: Experiment) -> list[Cell]:
    """Every whole migration, once: its step says the same for each device."""
    first: dict[tuple[Any, ...], Cell] = {}
    for cell in _cells(experiment, lambda row: row.get("migration_bytes")):
        first.setdefault((cell.variant, cell.step, cell.guest, cell.mechanism), cell)
    return list(first.values())


STEPS_HEAD = ("guest", "variant", "seed", "repetition", "run_status")


def write_steps(experiment: Experiment) -> None:
    """Every run's steps as one table, steps.csv of the experiment."""
    columns = list(STEPS_HEAD)
    for run in experiment.runs:
        columns += [name for row in run.steps[:1] for name in row if name not in columns]
    table = folder.CsvFile(experiment.folder / "steps.csv", columns)
    for run in experiment.runs:
        head = {name: run.meta.get("status" if name == "run_status" else name) for name in STEPS_HEAD}
        for row in run.steps:
            table.add(head | row)
    table.close()

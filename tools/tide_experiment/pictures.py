# SPDX-License-Identifier: BSD-2-Clause
"""What the charts of an experiment show: panels, lines, points, axes and captions, as data.

figures.py draws this data, for a page, a paper or the terminal's folder alike: none of them decides
what a picture shows. timelines.py makes the pictures of single runs in the same way.
"""

import re
import statistics
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable

from tide.units import MIB, format_size, parse_size

from . import results, style
from .results import INTERVAL, Cell, Experiment, Spread, measure, unique
from .style import Mark

Row = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """The runs of one line at one place. `bound`: one run or more did not settle, and took longer than shown."""

    x: float
    spread: Spread
    settled: int
    runs: int
    bound: bool = False

    @property
    def hollow(self) -> bool:
        return self.settled < self.runs


@dataclass
class Line:
    name: str
    mark: Mark
    points: list[Point]


@dataclass
class Panel:
    """One of the small multiples; all of a chart have the same axes."""

    title: str
    lines: list[Line]


@dataclass
class Axis:
    """`names` are the categories at 0, 1, 2, ...; without them the axis has numbers."""

    label: str
    sizes: bool = False
    percent: bool = False
    log: bool = False
    names: list[str] = field(default_factory=list)


@dataclass
class Chart:
    """One picture of all runs. `columns` is how many panels stand side by side, where there is room."""

    name: str
    panels: list[Panel]
    columns: int
    x: Axis
    y: Axis
    note: str
    caption: str

    def points(self) -> list[Point]:
        return [point for panel in self.panels for line in panel.lines for point in line.points]


# ---- what is measured ----


@dataclass(frozen=True)
class Measure:
    """`value` gives a row's value, or None; `shown` says whether these cells are worth a chart."""

    name: str
    label: str
    words: str
    value: Callable[[Row], float | None]
    shown: Callable[[list[Cell]], bool]
    percent: bool = False


def _unsettled(cells: list[Cell]) -> bool:
    return any(cell.settled < cell.runs for cell in cells)


def _time(row: Row) -> float | None:
    """The time to settle; of a step that did not, the time that was waited: it would have taken longer."""
    if row["settle_ms"] is None and not row["settled"]:
        return row["step_ms"]
    return row["settle_ms"]


def _done(row: Row) -> float | None:
    change = row["requested"] - row["size_before"]
    return 100 * (row["size_after"] - row["size_before"]) / change if change else None


def _column(name: str) -> Callable[[Row], float | None]:
    return lambda row: measure(row, name)


def _most(name: str, least: float) -> Callable[[list[Cell]], bool]:
    return lambda cells: any((spread := cell.measures[name]) and spread.high > least for cell in cells)


MEASURES = (
    Measure("time", "Time until the size is reached (ms)", "The time from the host's request until QEMU counts the size as reached",
            _time, lambda cells: True),
    Measure("instructions", "Guest instructions (count)", "What the guest executes for one resize",
            _column("instructions"), _most("instructions", 0)),
    Measure("done", "Change that was done (%)", "The part of the asked change that was done when the step ended",
            _done, _unsettled, percent=True),
    Measure("requests", "Plug and unplug requests (count)", "The plug and unplug requests of one resize, as QEMU traced them",
            _column("requests"), _most("requests", 1)),
    Measure("moved", "Allocations that were moved (count)", "How many allocations the guest moved in one resize",
            _column("workload_moved"), _most("workload_moved", 0)),
)  # fmt: skip
MIGRATION_MEASURES = (
    Measure("migration-time", "Time of the migration (ms)", "The time of a whole migration, as QEMU counts it",
            _column("migration_ms"), lambda cells: True),
    Measure("migration-bytes", "Memory that was sent (MiB)", "What QEMU sent for a whole migration",
            lambda row: row["migration_bytes"] / MIB, lambda cells: True),
)  # fmt: skip


# ---- systems, keys and resizes ----


def system_name(guest: str, mechanism: str, alone: bool) -> str:
    """ "Tide", or "Tide, balloon" where mechanisms are compared."""
    name = style.GUESTS.get(guest, guest)
    return name if alone else f"{name}, {mechanism}"


def swept_keys(cells: list[Cell]) -> list[str]:
    """The keys that differ, the one for the horizontal axis first: of numbers, with the most values.

    The mechanism is none of them: it is part of the system.
    """
    values: dict[str, list[str]] = {}
    for cell in cells:
        for key, value in cell.keys.items():
            if key.rpartition(".")[2] != "mechanism":
                values[key] = unique([*values.get(key, []), str(value)])
    keys = [key for key, found in values.items() if len(found) > 1]
    numbers = [key for key in keys if all(number(value) is not None for value in values[key])]
    first = sorted(numbers or keys, key=lambda key: -len(values[key]))[:1]
    return first + [key for key in keys if key not in first]


_TIMES = {"ms": 1.0, "s": 1000.0, "min": 60_000.0}


def number(value: Any) -> float | None:
    """A swept value as a number: bytes of a size, milliseconds of a time; None for a word."""
    text = str(value)
    for unit, factor in _TIMES.items():
        digits = text.removesuffix(unit).strip()
        if digits != text and digits.replace(".", "", 1).isdigit():
            return float(digits) * factor
    try:
        return float(parse_size(text))
    except ValueError:
        return None


def is_size(values: Iterable[Any]) -> bool:
    """Whether they are written as sizes: "512M"."""
    return any(str(value)[-1:] in "KMGTkmgtBb" and number(value) is not None for value in values)


def written(value: Any) -> str:
    """A swept value in words: "512M" -> "512 MiB"."""
    return binary(number(value) or 0) if is_size([value]) else str(value)


def binary(size: float) -> str:
    """A size for a tick: "512 MiB", "0"."""
    text = format_size(round(size))
    return f"{text[:-1]} {text[-1]}iB" if text[-1:] in "KMGT" else text + (" B" if round(size) else "")


def _change(cell: Cell) -> str:
    return f"{binary(cell.size_before)} to {binary(cell.requested)}"


def direction(cell: Cell) -> str:
    return "grow" if cell.change > 0 else "shrink"


def resize_names(cells: list[Cell]) -> dict[tuple[int, str], str]:
    """A name for each step and device: its label, told apart from others of the same label."""
    groups: dict[tuple[int, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.step, cell.device), []).append(cell)
    steps: dict[str, set[int]] = {}
    for cell in cells:
        steps.setdefault(cell.label, set()).add(cell.step)
    names = {}
    for (step, device), group in groups.items():
        label, changes = group[0].label, unique(_change(cell) for cell in group)
        change = changes[0] if len(changes) == 1 else f"{direction(group[0])}, step {step}"
        names[step, device] = f"{label}: {change}" if label and len(steps[label]) > 1 else label or change
    return names


def device_name(cell: Cell, cells: list[Cell]) -> str:
    """The cell's device, where there are several."""
    return cell.device if any(other.device != cell.device for other in cells) else ""


# ---- which panel, line and place a cell belongs to ----


@dataclass
class Place:
    panel: str
    line: str
    mark: Mark
    x: float


@dataclass
class Shape:
    """How the cells of an experiment are laid out; the same for each measure. `panels` are in their order."""

    x: Axis
    panels: list[str]
    columns: int
    place: Callable[[Cell], Place]
    words: str


def systems(cells: list[Cell]) -> dict[tuple[str, str], tuple[str, Mark]]:
    """Name and mark of each guest and mechanism."""
    found = list(dict.fromkeys((cell.guest, cell.mechanism) for cell in cells))
    alone = len({mechanism for _, mechanism in found}) == 1
    return {key: (system_name(*key, alone), style.mark(*key, index)) for index, key in enumerate(found)}


def resize_shape(cells: list[Cell]) -> Shape:
    """A curve against what was swept, or against the size of the resize, or the resizes side by side."""
    keys = swept_keys(cells)
    if keys:
        return _sweep(cells, keys)
    known = systems(cells)
    told = any(cell.label for cell in cells)  # labels make a story, in which the order matters
    if not told and len({abs(cell.change) for cell in cells}) > 2:
        return Shape(
            Axis("Size of the resize", sizes=True), ["grow", "shrink"], 2,
            lambda cell: Place(direction(cell), *known[cell.guest, cell.mechanism], abs(cell.change)),
            "against the size of the resize, growing and shrinking",
        )  # fmt: skip
    names = resize_names(cells)
    order = unique(names.values())
    devices = unique(device_name(cell, cells) for cell in cells)
    return Shape(
        Axis("Resize", names=order), devices, 1,
        lambda cell: Place(device_name(cell, cells), *known[cell.guest, cell.mechanism],
                           order.index(names[cell.step, cell.device])),
        "of each resize of the schedule" + (", with a panel for each device" if len(devices) > 1 else ""),
    )  # fmt: skip


def migration_shape(cells: list[Cell]) -> Shape:
    """Against what was resident, a panel for each migration of the schedule."""
    known = systems(cells)
    title = lambda cell: cell.label or f"step {cell.step}"  # noqa: E731
    # In whole MiB: what is resident is measured, and an axis shall say 111 MiB rather than 114400 KiB.
    resident = lambda cell: MIB * round(statistics.median(row["resident_before"] for row in cell.rows) / MIB)  # noqa: E731
    return Shape(
        Axis("Resident memory before the migration", sizes=True), unique(title(cell) for cell in cells), 3,
        lambda cell: Place(title(cell), *known[cell.guest, cell.mechanism], resident(cell)),
        "against the memory that QEMU had resident before, with a panel for each migration of the schedule",
    )  # fmt: skip


def _joined(*words: str) -> str:
    return ", ".join(word for word in words if word)


def _sweep(cells: list[Cell], keys: list[str]) -> Shape:
    """The first key is the horizontal axis. Further keys are lines with colours and markers of their own
    where one system ran, and columns of panels where several did. Each resize has panels of its own."""
    known, names, first = systems(cells), resize_names(cells), keys[0]
    resize = lambda cell: _joined(names[cell.step, cell.device], device_name(cell, cells))  # noqa: E731
    values = unique(str(cell.keys[first]) for cell in cells)
    numeric = all(number(value) is not None for value in values)
    others = lambda cell: ", ".join(f"{style.short_key(key)} {written(cell.keys[key])}" for key in keys[1:])  # noqa: E731
    second = unique(others(cell) for cell in cells)
    single = len(known) == 1 and len(second) > 1

    def place(cell: Cell) -> Place:
        value = cell.keys[first]
        x = (number(value) or 0.0) if numeric else float(values.index(str(value)))
        if single:
            rank = second.index(others(cell))
            return Place(resize(cell), others(cell), style.value_mark(rank, len(second)), x)
        return Place(_joined(resize(cell), others(cell)), *known[cell.guest, cell.mechanism], x)

    axis = Axis(style.key_name(first), sizes=is_size(values), names=[] if numeric else values)
    if any(str(value).endswith(tuple(_TIMES)) for value in values) and numeric:
        axis.label += " (ms)"
    words = f"against the {axis.label[0].lower()}{axis.label[1:].partition(' (')[0]}, with a panel for each resize"
    if len(second) > 1:
        words += " and a line for each value of " if single else " and each value of "
        words += " and ".join(style.short_key(key) for key in keys[1:])
    resizes = unique(resize(cell) for cell in cells)
    panels = resizes if single else [_joined(one, other) for one in resizes for other in second]
    return Shape(axis, panels, len(second) if len(second) > 1 and not single else 3, place, words)


# ---- charts ----


def charts(experiment: Experiment) -> list[Chart]:
    """Every chart that the experiment has figures for."""
    drawn = []
    for cells, shape_for, measures in (
        (results.cells(experiment), resize_shape, MEASURES),
        (results.migrations(experiment), migration_shape, MIGRATION_MEASURES),
    ):
        if cells:
            shape = shape_for(cells)
            drawn += [_chart(experiment, cells, shape, one) for one in measures if one.shown(cells)]
    return [chart for chart in drawn if chart.points()]


def _chart(experiment: Experiment, cells: list[Cell], shape: Shape, one: Measure) -> Chart:
    panels = _panels(cells, shape, one)
    x = Axis(shape.x.label, shape.x.sizes, log=False, names=shape.x.names)
    chart = Chart(one.name, panels, min(shape.columns, len(panels)), x, Axis(one.label, percent=one.percent), "", "")
    xs = {point.x for point in chart.points()}
    x.log = bool(xs) and not x.names and min(xs) > 0 and max(xs) / min(xs) >= 16
    chart.y.log = not one.percent and spans_decades(chart.points())
    chart.note = _note(chart.points(), one.name == "time")
    chart.caption = caption(experiment, f"{one.words}, {shape.words}.", chart.note)
    return chart


def _panels(cells: list[Cell], shape: Shape, one: Measure) -> list[Panel]:
    grouped: dict[str, dict[str, tuple[Mark, dict[float, list[Row]]]]] = {}
    for cell in cells:
        place = shape.place(cell)
        lines = grouped.setdefault(place.panel, {})
        lines.setdefault(place.line, (place.mark, {}))[1].setdefault(place.x, []).extend(cell.rows)
    panels = []
    for title, lines in grouped.items():
        made = [
            Line(name, mark, [point for x, rows in sorted(at.items()) if (point := _point(x, rows, one))])
            for name, (mark, at) in lines.items()
        ]
        panels.append(Panel(title, [line for line in made if line.points]))
    return sorted((panel for panel in panels if panel.lines), key=lambda panel: shape.panels.index(panel.title))


def _point(x: float, rows: list[Row], one: Measure) -> Point | None:
    """All rows of one place together: several resizes of the same size are one point."""
    spread = Spread.of([value for row in rows if (value := one.value(row)) is not None])
    if not spread:
        return None
    settled = sum(bool(row["settled"]) for row in rows)
    return Point(x, spread, settled, len(rows), one.name == "time" and settled < len(rows))


def spans_decades(points: list[Point]) -> bool:
    """Whether only a logarithmic axis shows them all. With a zero none does: it would be cut off."""
    lows, highs = [point.spread.low for point in points], [point.spread.high for point in points]
    return bool(points) and min(lows) > 0 and max(highs) / min(lows) > 10


# ---- words for people ----


def _note(points: list[Point], time: bool) -> str:
    """What stands in the picture itself: how many runs, what whiskers are, what is hollow."""
    counts = sorted({point.spread.count for point in points})
    runs = f"Medians of n = {counts[0]}" + (f" to {counts[-1]}" if len(counts) > 1 else "")
    meanings = unique(point.spread.meaning for point in points if point.spread.count > 1)
    if not meanings:
        text = "Single values (n = 1), no whiskers"
    elif len(meanings) == 2:
        text = f"{runs}; whiskers: {INTERVAL} from 5 on, else from the least to the most"
    else:
        text = f"{runs}; whiskers: {meanings[0]}"
    if any(point.hollow for point in points):
        text += "; hollow: not settled in every run" + (", with an arrow: would have taken longer" if time else "")
    return text


def caption(experiment: Experiment, shows: str, note: str) -> str:
    """A caption to be printed under the picture: what it shows, how it was measured, on what."""
    title = str(experiment.meta.get("title") or experiment.folder.parent.name).rstrip(".")
    sentences = [f"{title}.", shows, f"{note}." if note else "", _measured_on(experiment)]
    return " ".join(sentence for sentence in sentences if sentence)


def _measured_on(experiment: Experiment) -> str:
    """ "Tide and Linux 6.1.0-35 in QEMU 7.2.0 under TCG."."""
    versions: dict[str, Any] = {}
    for run in experiment.runs:
        versions |= run.meta.get("versions", {})
    names = [style.GUESTS.get(guest, guest) for guest in experiment.guests()]
    if "Linux" in names and versions.get("linux"):
        version = re.search(r"\d[\d.]*(-\d+)?", str(versions["linux"]))
        names[names.index("Linux")] += f" {version[0]}" if version else ""
    accels = unique(str(run.meta["accel"]) for run in experiment.runs if run.meta.get("accel"))
    under = f" under {' and '.join(accel.partition(',')[0].upper() for accel in accels)}" if accels else ""
    return f"{' and '.join(names)} in QEMU {versions.get('qemu', '')}".rstrip() + f"{under}." if names else ""

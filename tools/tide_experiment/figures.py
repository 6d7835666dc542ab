# SPDX-License-Identifier: BSD-2-Clause
"""SVGs for papers and pages: steps, time and instructions against size or sweep, the memory map."""

import math
import re
from pathlib import Path
from typing import Any, Callable

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.colors import ListedColormap  # noqa: E402
from matplotlib.ticker import FuncFormatter, MultipleLocator  # noqa: E402
from tide.units import format_size, parse_size  # noqa: E402

from . import guestlines, results  # noqa: E402
from .results import Cell, Experiment, RunResult  # noqa: E402
from .tables import big  # noqa: E402

# Okabe and Ito's colours, which the colour-blind can tell apart.
COLOURS = {"tide": "#0072B2", "linux": "#D55E00"}
NAMES = {"tide": "Tide", "linux": "Linux"}
STYLES = ("-", "--", ":", "-.")
_BLUES = ["#9fcbe8", "#8fc0e2", "#7fb5dc", "#6faad6", "#5f9fd0", "#4f95ca", "#3f8ac3", "#2f7fbd"]
BLOCK_COLOURS = ["#eceff3", "#d3e9f8", *_BLUES, "#0a3263"]

plt.rcParams.update({
    "svg.fonttype": "none", "svg.hashsalt": "tide", "font.size": 9, "font.family": "sans-serif",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e3e7ec",
    "axes.axisbelow": True, "legend.frameon": False, "figure.constrained_layout.use": True,
})  # fmt: skip


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path


# ---- against size, or against what was swept ----


def _number(value: Any) -> float | None:
    try:
        return float(parse_size(str(value)))
    except ValueError:
        return None


def _x(cell: Cell) -> float | None:
    return _number(next(iter(cell.keys.values()))) if cell.keys else abs(cell.change)


def _line_name(cell: Cell) -> str:
    direction = "grow" if cell.change > 0 else "shrink"
    if not cell.keys:
        return direction
    others = ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in list(cell.keys.items())[1:])
    name = cell.label or f"{format_size(cell.size_before)} to {format_size(cell.requested)}"
    return f"{name}, {others}" if others else name


def _lines(cells: list[Cell]) -> dict[tuple[str, str], list[Cell]]:
    lines: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        if _x(cell) is not None:
            lines.setdefault((cell.guest, _line_name(cell)), []).append(cell)
    return lines


def _is_size(cells: list[Cell]) -> bool:
    key = next(iter(cells[0].keys), "device.size")
    return bool(re.search(r"(size|memory|block|chunk|low|requested|function)$", key))


Point = tuple[float, float, float]


def draw_measure(
    cells: list[Cell], path: Path, label: str, value: Callable[[Cell], Point | None], log: bool = True
) -> Path | None:
    """One measure: a line for each guest and kind of resize, with the spread as whiskers."""
    lines = _lines(cells)
    drawn = 0
    figure, axes = plt.subplots(figsize=(5.2, 3.3))
    styles: dict[str, int] = {}
    for (guest, name), members in lines.items():
        points = sorted((_x(cell) or 0.0, *point) for cell in members if (point := value(cell)))
        style = styles[guest] = styles.get(guest, -1) + 1
        if not points:
            continue
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        spread = [[max(p[1] - p[2], 0) for p in points], [max(p[3] - p[1], 0) for p in points]]
        axes.errorbar(xs, ys, yerr=spread, color=COLOURS[guest], linestyle=STYLES[style % len(STYLES)],
                      marker="o" if members[0].change > 0 else "v", markersize=4, capsize=2,
                      label=f"{NAMES[guest]}, {name}")  # fmt: skip
        drawn += 1
    if not drawn:
        plt.close(figure)
        return None
    _axis_x(axes, cells)
    axes.set_ylabel(label)
    if log and _spans_decades(cells, value):
        axes.set_yscale("log")
    elif log:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: big(number)))
    axes.legend(fontsize=7.5)
    return _save(figure, path)


def _spans_decades(cells: list[Cell], value: Callable[[Cell], Point | None]) -> bool:
    """Whether the values differ so much that only a logarithmic axis shows them all."""
    numbers = [point[0] for cell in cells if (point := value(cell)) and point[0] > 0]
    return bool(numbers) and max(numbers) / min(numbers) > 10


def _axis_x(axes: Axes, cells: list[Cell]) -> None:
    xs = sorted({x for cell in cells if (x := _x(cell)) is not None})
    axes.set_xlabel(next(iter(cells[0].keys), "size of the resize"))
    if xs[0] > 0 and xs[-1] / xs[0] >= 16:
        axes.set_xscale("log", base=2)
    step = max(1, -(-len(xs) // 10))
    sizes = _is_size(cells)
    axes.set_xticks(xs[::step], [format_size(int(x)) if sizes else f"{x:g}" for x in xs[::step]])
    axes.minorticks_off()


def _spread_point(name: str) -> Callable[[Cell], Point | None]:
    def value(cell: Cell) -> Point | None:
        spread = cell.measures[name]
        return (spread.median, spread.low, spread.high) if spread else None

    return value


def _done(cell: Cell) -> Point | None:
    if not cell.reached:
        return None
    reached = cell.reached.median, cell.reached.low, cell.reached.high
    parts = [100 * (size - cell.size_before) / cell.change for size in reached]
    return parts[0], min(parts), max(parts)


# ---- one run ----


def draw_steps(runs: list[RunResult], path: Path) -> Path | None:
    """Requested, plugged and used over time, one row for each guest."""
    runs = [run for run in runs if run.series]
    if not runs:
        return None
    figure, rows = plt.subplots(len(runs), 1, figsize=(7, 2.3 * len(runs)), squeeze=False, sharex=True)
    for axes, run in zip(rows[:, 0], runs):
        moments: dict[float, dict[str, float]] = {}
        for row in run.series:
            moment = moments.setdefault(row["time_s"], {"requested": 0, "size": 0})
            moment["requested"] += row["requested"]
            moment["size"] += row["size"]
            if row["guest_used"] is not None:
                moment["used"] = moment.get("used", 0) + row["guest_used"]
        times = list(moments)
        seen = [time for time in times if "used" in moments[time]]
        axes.step(times, [moments[t]["requested"] for t in times], where="post", color="#17202b", linestyle="--",
                  linewidth=1.2, label="requested", zorder=3)  # fmt: skip
        axes.step(times, [moments[t]["size"] for t in times], where="post", color=COLOURS[run.guest],
                  linewidth=2.2, label="plugged")  # fmt: skip
        axes.step(seen, [moments[t]["used"] for t in seen], where="post", color="#009E73", label="used")
        axes.set_title(NAMES[run.guest], loc="left", fontsize=9)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_size(int(value))))
        axes.set_ylim(bottom=0)
        # Five ticks or fewer, at powers of two: 0, 2 GiB, 4 GiB, ...
        axes.yaxis.set_major_locator(MultipleLocator(2 ** math.ceil(math.log2(max(axes.get_ylim()[1] / 5, 1)))))
    rows[0, 0].legend(ncol=3, fontsize=8, loc="lower right", bbox_to_anchor=(1, 1))
    rows[-1, 0].set_xlabel("seconds")
    return _save(figure, path)


def draw_map(run: RunResult, path: Path) -> Path | None:
    """Every block over time: time to the right, addresses upward."""
    by_device: dict[str, list[tuple[float, str]]] = {}
    for row in run.series:
        if row["blocks"] is not None:
            by_device.setdefault(row["device"], []).append((row["time_s"], str(row["blocks"])))
    by_device = {device: samples for device, samples in by_device.items() if len(samples) > 1}
    if not by_device:
        return None
    figure, rows = plt.subplots(len(by_device), 1, figsize=(7, 2.4 * len(by_device)), squeeze=False)
    for axes, (device, samples) in zip(rows[:, 0], by_device.items()):
        columns = [[guestlines.LETTERS.index(letter) for letter in guestlines.expand(runs)] for _, runs in samples]
        times = [time for time, _ in samples]
        edges = times + [times[-1] + (times[-1] - times[0]) / len(times)]
        height = len(columns[0])
        rows_shown = min(height, 256)
        picked = [[column[(row * height) // rows_shown] for column in columns] for row in range(rows_shown)]
        axes.pcolormesh(edges, [row * height / rows_shown for row in range(rows_shown + 1)], picked,
                        cmap=ListedColormap(BLOCK_COLOURS), vmin=-0.5, vmax=10.5, rasterized=True)  # fmt: skip
        axes.set_ylabel(f"{device}: block")
        axes.grid(False)
    rows[-1, 0].set_xlabel("seconds")
    names = ((BLOCK_COLOURS[0], "unplugged"), (BLOCK_COLOURS[1], "empty"), (BLOCK_COLOURS[5], "partly used"),
             (BLOCK_COLOURS[10], "full"))  # fmt: skip
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour, _ in names]
    rows[0, 0].legend(handles, [name for _, name in names], ncol=4, fontsize=7.5, loc="lower left",
                      bbox_to_anchor=(0, 1))  # fmt: skip
    return _save(figure, path)


def first_runs(experiment: Experiment) -> list[RunResult]:
    """For each guest the first run of the last variant."""
    last = experiment.variants()[-1:]
    chosen: dict[str, RunResult] = {}
    for run in experiment.runs:
        if run.variant in last:
            chosen.setdefault(run.guest, run)
    return list(chosen.values())


def draw_all(experiment: Experiment) -> list[Path]:
    """Every picture that the experiment has figures for, into its folder."""
    cells = results.cells(experiment)
    out = experiment.folder
    drawn: list[Path | None] = []
    # A curve needs three points: what goes to and fro between two sizes has none.
    if cells and (cells[0].keys or len({abs(cell.change) for cell in cells}) > 2):
        drawn.append(draw_measure(cells, out / "time.svg", "milliseconds", _spread_point("settle_ms")))
        drawn.append(draw_measure(cells, out / "instructions.svg", "guest instructions", _spread_point("instructions")))
        if any(cell.settled < cell.runs for cell in cells):
            drawn.append(draw_measure(cells, out / "done.svg", "done, percent of what was asked", _done, log=False))
    runs = first_runs(experiment)
    drawn.append(draw_steps(runs, out / "steps.svg"))
    drawn += [draw_map(run, out / f"map-{run.guest}.svg") for run in runs]
    return [path for path in drawn if path]

# SPDX-License-Identifier: BSD-2-Clause
"""Draws the pictures of pictures.py and timelines.py with matplotlib: SVG, PDF and PGF of one figure."""

import io
import math
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

from matplotlib import font_manager, rc_context, ticker
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends import backend_pgf
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import CARETUP
from matplotlib.patches import Patch
from matplotlib.transforms import offset_copy

from . import style
from .pictures import Chart, Line, binary, charts
from .results import Experiment
from .style import BLOCKS, GRID, INK, PAPER, SHADE, SOFT, Look
from .tables import big
from .timelines import Curve, MapPicture, Timeline, pictures_over_time, variants

Picture = Chart | Timeline | MapPicture

# matplotlib's PGF asks LaTeX for the width of each text and for the command that includes an image. Its
# own fonts are near enough to lay out a picture, and so drawing does not need LaTeX.
backend_pgf.RendererPgf.get_text_width_height_descent = RendererBase.get_text_width_height_descent
backend_pgf._get_image_inclusion_command = lambda: r"\includegraphics"
_TEX = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
        "\N{MINUS SIGN}": r"\ensuremath{-}"} | {letter: f"\\{letter}" for letter in "$%&#_"}  # fmt: skip
# Its escapes leave out all but ^ and %, and a label is whatever a scenario says.
backend_pgf._tex_escape = lambda text: re.sub(r"[\\{}~^$%&#_\u2212]", lambda found: _TEX[found[0]], text)

PANEL_INCHES = 1.75  # the least width of a panel
LEGEND_HANDLE = 5.0  # widths of a letter that a line and its gap take in a legend


def settings(look: Look) -> dict[str, Any]:
    """matplotlib's settings for a look. Text stays text; `$` in a label is no formula."""
    family = look.font if look.font in style.GENERIC_FONTS else "sans-serif"
    named = {} if family == look.font else {"font.sans-serif": [look.font]}
    return {
        "svg.fonttype": "none", "svg.hashsalt": "tide", "pdf.fonttype": 42, "pgf.rcfonts": False,
        "text.parse_math": False, "font.family": [family], "font.size": look.font_size,
        "axes.titlesize": "medium", "axes.titlelocation": "left", "axes.titleweight": "bold",
        "legend.fontsize": "medium", "legend.frameon": False, "lines.linewidth": 1.4, "lines.markersize": 4.5,
        "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": SOFT, "axes.grid": True,
        "grid.color": GRID, "grid.linewidth": 0.7, "axes.axisbelow": True, "axes.labelcolor": INK, "text.color": INK,
        "axes.titlecolor": INK, "xtick.color": SOFT, "ytick.color": SOFT, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
        "axes.facecolor": PAPER, "figure.facecolor": PAPER, "savefig.facecolor": PAPER,
        "figure.constrained_layout.use": True, "savefig.dpi": 250,
    } | named  # fmt: skip


def check_font(name: str) -> None:
    """ValueError unless matplotlib has the font."""
    try:
        font_manager.findfont(name, fallback_to_default=False)
    except ValueError as error:
        families = sorted({font.name for font in font_manager.fontManager.ttflist})
        raise ValueError(f"'{name}' is not a font of this machine; expected {', '.join(style.GENERIC_FONTS)} or one of "
                         f"{', '.join(families)}") from error  # fmt: skip


# ---- the frame: a legend above, panels, a note below ----


class Frame:
    """A figure of rows of panels that share their axes' names, with its legend off the data."""

    def __init__(self, look: Look, rows: int, columns: int, row_inches: float, keys: list[Any], note: str, sharey: bool = False):
        letter = 0.55 * look.font_size / 72
        line = 1.45 * look.font_size / 72
        names = [key.get_label() for key in keys]
        widest = letter * (max((len(name) for name in names), default=0) + LEGEND_HANDLE)
        beside = max(1, min(len(keys), int((look.width - 0.2) / widest))) if keys else 1
        top = line * math.ceil(len(keys) / beside) + 0.1 if keys else 0.05
        lines = textwrap.wrap(note, max(20, int(look.width / letter))) if note else []
        bottom = line * len(lines) + 0.05
        middle = rows * row_inches
        self.figure = Figure(figsize=(look.width, top + middle + bottom))
        parts = self.figure.subfigures(3, 1, height_ratios=(top, middle, bottom))
        for part in parts:
            part.set_facecolor("none")
        if keys:
            parts[0].legend(handles=keys, ncol=beside, loc="center", borderaxespad=0, columnspacing=1.5)
        parts[2].text(0.01, 0.5, "\n".join(lines), va="center", color=SOFT)
        self.panels = parts[1]
        self.axes = parts[1].subplots(rows, columns, squeeze=False, sharex=True, sharey=sharey)

    def spare(self, used: int) -> None:
        """Take away the panels that nothing is drawn in."""
        for axes in list(self.axes.flat)[used:]:
            axes.remove()


def _wrapped(text: str, width: int) -> str:
    """In lines of `width` letters, as far as words allow; a number and its unit stay together."""
    joined = re.sub(r"(\d) (?=[KMGT]iB)", "\\1\N{NO-BREAK SPACE}", text)
    return "\n".join(textwrap.wrap(joined, width, break_long_words=False))


def unique_lines(lines: Iterator[Line]) -> list[Line]:
    return list({line.name: line for line in lines}.values())


# ---- charts of all runs ----


def draw_chart(chart: Chart, look: Look) -> Any:
    """Medians with whiskers, in panels on common axes."""
    columns = max(1, min(chart.columns, int(look.width / PANEL_INCHES), len(chart.panels)))
    rows = -(-len(chart.panels) // columns)
    lines = unique_lines(line for panel in chart.panels for line in panel.lines)
    keys = [_key(line, joined=not chart.x.names) for line in lines]
    frame = Frame(look, rows, columns, 2.4 if rows == 1 else 1.8, keys, chart.note, sharey=True)
    order = [line.name for line in lines]
    for axes, panel in zip(frame.axes.flat, chart.panels):
        for line in panel.lines:
            shift = (order.index(line.name) - (len(order) - 1) / 2) * min(0.12, 0.7 / len(order)) if chart.x.names else 0.0
            _draw_line(axes, line, shift, joined=not chart.x.names)
        room = look.width / columns - 0.7 * look.font_size / 8
        axes.set_title(_wrapped(panel.title, max(12, int(room / (0.58 * look.font_size / 72)))))
    frame.spare(len(chart.panels))
    _y_axis(frame.axes[0, 0], chart)
    _x_axis(frame, chart, look.width / columns, look.font_size)
    frame.panels.supylabel(chart.y.label, fontsize=look.font_size)
    frame.panels.supxlabel(chart.x.label, fontsize=look.font_size)
    return frame.figure


def _key(line: Line, joined: bool) -> Line2D:
    return Line2D([], [], color=line.mark.colour, marker=line.mark.marker, label=line.name,
                  linestyle=line.mark.line if joined else "none")  # fmt: skip


def _draw_line(axes: Axes, line: Line, shift: float, joined: bool) -> None:
    """A line through the medians, their whiskers, and markers that are hollow where a run did not settle."""
    colour = line.mark.colour
    xs, ys = [point.x + shift for point in line.points], [point.spread.median for point in line.points]
    if joined:
        axes.plot(xs, ys, color=colour, linestyle=line.mark.line, zorder=2)
    for x, y, point in zip(xs, ys, line.points):
        if point.spread.count > 1:
            axes.errorbar([x], [y], yerr=[[y - point.spread.low], [point.spread.high - y]], fmt="none", ecolor=colour,
                          elinewidth=1.0, capsize=2.5, zorder=2.5)  # fmt: skip
        axes.plot([x], [y], marker=line.mark.marker, color=colour, markerfacecolor=PAPER if point.hollow else colour,
                  clip_on=False, zorder=3.5 if point.hollow else 3)  # fmt: skip
        if point.bound:
            above = offset_copy(axes.transData, axes.figure.figure, y=7, units="points")
            axes.plot([x], [point.spread.high], marker=CARETUP, color=colour, transform=above, clip_on=False)


def _y_axis(axes: Axes, chart: Chart) -> None:
    """From 0, or logarithmic with room for every whisker: nothing is cut off."""
    lows = [point.spread.low for point in chart.points()]
    highs = [point.spread.high for point in chart.points()]
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: big(value)))
    if chart.y.log:
        axes.set_yscale("log")
        axes.set_ylim(min(lows) / 1.5, max(highs) * (2.5 if any(point.bound for point in chart.points()) else 1.5))
        steps = (1.0,) if max(highs) / min(lows) > 300 else (1.0, 2.0, 5.0)
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=steps, numticks=12))
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: big(value)))
        axes.yaxis.set_minor_formatter(ticker.NullFormatter())
        return
    top = max([*highs, 100.0 if chart.y.percent else 0.0]) or 1.0
    axes.set_ylim(min([*lows, 0.0]) * 1.1, top * 1.08)
    if chart.y.percent:
        axes.yaxis.set_major_locator(ticker.MultipleLocator(25))


def _x_axis(frame: Frame, chart: Chart, panel_inches: float, font_size: float) -> None:
    axes, axis = frame.axes[0, 0], chart.x
    if axis.names:
        width = max(6, int((panel_inches - 0.7) / len(axis.names) / (0.62 * font_size / 72)) - 1)
        labels = [_wrapped(name, width) for name in axis.names]
        axes.set_xlim(-0.5, len(axis.names) - 0.5)
        axes.set_xticks(range(len(axis.names)), labels)
        return
    xs = sorted({point.x for point in chart.points()})
    if axis.log:
        axes.set_xscale("log", base=2)
    elif min(xs) >= 0 and max(xs) > 0:
        axes.set_xlim(-0.04 * max(xs), 1.04 * max(xs))
    labels = [binary(x) if axis.sizes else f"{x:g}" for x in xs]
    kept = _with_room(xs, labels, axis.log, panel_inches - 0.9, font_size)
    axes.set_xticks([xs[index] for index in kept], [labels[index] for index in kept])
    axes.minorticks_off()


def _with_room(xs: list[float], labels: list[str], log: bool, inches: float, font_size: float) -> list[int]:
    """The labels that can stand side by side, from the left on."""
    at = [math.log2(x) if log else x for x in xs]
    span = at[-1] - at[0] or 1.0
    kept = [0]
    for index in range(1, len(at)):
        letters = (len(labels[index]) + len(labels[kept[-1]])) / 2 + 1
        if (at[index] - at[kept[-1]]) / span * inches >= letters * 0.55 * font_size / 72:
            kept.append(index)
    return kept


# ---- over time ----


def draw_timeline(picture: Timeline, look: Look) -> Any:
    """A row for each quantity, all systems in each, on one time axis."""
    curves = [curve for strip in picture.strips for curve in strip.curves]
    keys = [Line2D([], [], color=INK, linestyle=":", label="requested")]
    keys += [Line2D([], [], color=curve.mark.colour, linestyle=curve.mark.line, linewidth=2, label=name)
             for name, curve in {curve.name: curve for curve in curves if not curve.requested}.items()]  # fmt: skip
    frame = Frame(look, len(picture.strips), 1, 1.45, keys, picture.note)
    for axes, strip in zip(frame.axes[:, 0], picture.strips):
        for curve in strip.curves:
            _draw_curve(axes, curve)
        axes.set_title(strip.title, pad=14 if picture.spans and axes is frame.axes[0, 0] else None)
        _sizes_axis(axes, max(value for curve in strip.curves for value in curve.values) * 1.05)
        for begin, end, _ in picture.spans[1::2]:
            axes.axvspan(begin, end, color=SHADE, linewidth=0, zorder=0)
    last = max(curve.times[-1] for curve in curves)
    frame.axes[0, 0].set_xlim(0, 1.01 * last or 1)
    _label_spans(frame.axes[0, 0], picture, look, last or 1)
    frame.panels.supxlabel("Time since the start (s)", fontsize=look.font_size)
    return frame.figure


def _draw_curve(axes: Axes, curve: Curve) -> None:
    if curve.requested:
        axes.step(curve.times, curve.values, where="post", color=curve.mark.colour, linestyle=":", linewidth=1.6, zorder=3)
    else:
        axes.step(curve.times, curve.values, where="post", color=curve.mark.colour, linestyle=curve.mark.line,
                  linewidth=1.8 if curve.first else 0.6, zorder=2)  # fmt: skip


def _sizes_axis(axes: Axes, top: float) -> None:
    """From 0, with four ticks or fewer, at powers of two: 0, 2 GiB, 4 GiB, ..."""
    axes.set_ylim(0, top or 1)
    axes.yaxis.set_major_locator(ticker.MultipleLocator(2 ** math.ceil(math.log2(max(top / 4.2, 1)))))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: binary(value)))


def _label_spans(axes: Axes, picture: Timeline, look: Look, last: float) -> None:
    """The labels of the steps above the first row, each where there is room for it."""
    letter = 0.5 * look.font_size * 0.9 / 72 / (look.width - 0.8) * last
    free = 0.0
    for begin, _, label in picture.spans:
        if label and begin >= free:
            axes.annotate(label, (begin, 1), xycoords=("data", "axes fraction"), xytext=(1, 3), textcoords="offset points",
                          fontsize=look.font_size * 0.9, color=SOFT)  # fmt: skip
            free = begin + letter * (len(label) + 1)


def draw_map(picture: MapPicture, look: Look) -> Any:
    """Every block over time: time to the right, addresses upward, all on one time axis."""
    states = ((BLOCKS[0], "unplugged"), (BLOCKS[1], "plugged, empty"), (BLOCKS[5], "partly used"), (BLOCKS[10], "full"))
    keys = [Patch(facecolor=colour, edgecolor=SOFT, linewidth=0.5, label=name) for colour, name in states]
    frame = Frame(look, len(picture.maps), 1, 1.7, keys, picture.note)
    for axes, one in zip(frame.axes[:, 0], picture.maps):
        height = len(one.columns[0])
        cells = [[column[row] for column in one.columns] for row in range(height)]
        rows = [row * (one.bytes or height) / height for row in range(height + 1)]
        axes.pcolormesh(one.edges, rows, cells, cmap=ListedColormap(BLOCKS), vmin=-0.5, vmax=10.5, rasterized=True)
        axes.set_title(one.title)
        axes.grid(False)
        if one.bytes:
            _sizes_axis(axes, one.bytes)
    frame.axes[0, 0].set_xlim(0, max(one.edges[-1] for one in picture.maps))
    frame.panels.supxlabel("Time since the start (s)", fontsize=look.font_size)
    frame.panels.supylabel("Address in the region" if picture.maps[0].bytes else "Block", fontsize=look.font_size)
    return frame.figure


# ---- all pictures of an experiment ----

DRAW = {Chart: draw_chart, Timeline: draw_timeline, MapPicture: draw_map}


def all_pictures(experiment: Experiment) -> Iterator[Picture]:
    """Every picture that the experiment has figures for: the charts, then what each variant did over time."""
    yield from charts(experiment)
    for variant in variants(experiment):
        yield from pictures_over_time(experiment, variant)


@dataclass
class Drawn:
    """A picture as it was drawn: the page holds the SVG, `files` are in the experiment's folder."""

    picture: Picture
    svg: str
    files: list[Path]


def draw_all(experiment: Experiment, look: Look = Look()) -> list[Drawn]:
    """Draw every picture into the experiment's folder, with captions.txt beside them."""
    drawn = []
    with rc_context(settings(look)):
        for picture in all_pictures(experiment):
            figure = DRAW[type(picture)](picture, look)
            figure.draw_without_rendering()
            figure.set_layout_engine("none")  # it is laid out once, for all files alike
            svg = _svg(figure)
            files = [experiment.folder / f"{picture.name}.{kind}" for kind in look.formats]
            for file in files:
                _save(figure, file, svg)
            drawn.append(Drawn(picture, svg, files))
    captions = [f"{one.picture.name}: {one.picture.caption}\n" for one in drawn]
    (experiment.folder / "captions.txt").write_text("\n".join(captions))
    return drawn


def _svg(figure: Any) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _save(figure: Any, path: Path, svg: str) -> None:
    """Write one file of a figure; none of them says when it was drawn."""
    if path.suffix == ".svg":
        path.write_text(svg)
    elif path.suffix == ".pdf":
        figure.savefig(path, metadata={"CreationDate": None})
    else:
        figure.savefig(path)

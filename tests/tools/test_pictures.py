# SPDX-License-Identifier: BSD-2-Clause
"""What pictures show, of experiments made by hand: points, panels, axes, words, colours and files."""

import itertools
import re
from pathlib import Path
from typing import Any, Iterator

import handmade
import pytest
from conftest import TREE
from handmade import MIB, run, step
from tide_experiment import keys, pictures, results, style, timelines
from tide_experiment.pictures import Chart, charts
from tide_experiment.results import Experiment, Spread

matplotlib = pytest.importorskip("matplotlib")
from tide_experiment import figures  # noqa: E402  it needs matplotlib


def chart_of(experiment: Experiment, name: str = "time") -> Chart:
    (found,) = [chart for chart in charts(experiment) if chart.name == name]
    return found


def drawn(picture: Any, look: style.Look = style.Look()) -> Any:
    with matplotlib.rc_context(figures.settings(look)):
        figure = figures.DRAW[type(picture)](picture, look)
        figure.draw_without_rendering()
    return figure


def panels(figure: Any) -> list[Any]:
    return [axes for axes in figure.axes if axes.axison]


def two_keys(guests: tuple[str, ...]) -> Experiment:
    """Allocations of three sizes on blocks of two; the smallest ones do not let everything be given back."""
    runs = []
    sweep = itertools.product(("64K", "512K", "4M"), ("2M", "32M"), guests)
    for chunk, block, guest in sweep:
        rows = [step(0, "grow", 0, 64), step(1, "give back", 64, 16, reached=40 if chunk == "64K" else 16)]
        runs.append(run(rows, guest, {"workload.chunk": chunk, "device.block": block}))
    return handmade.experiment(runs)


def by_size(count: int = 1, factor: float = 1.0) -> Experiment:
    """Resizes of three sizes, `count` runs each, that take longer each time."""
    return handmade.experiment([
        run([step(2 * i, "", 0, size, settle_ms=factor * size * nth) for i, size in enumerate((2, 8, 64))], repetition=nth)
        for nth in range(1, count + 1)
    ])  # fmt: skip


# ---- the spread ----


def test_intervals_from_five_runs_on() -> None:
    few, five = Spread.of([1.0, 2.0, 3.0, 40.0]), Spread.of([1.0, 2.0, 3.0, 4.0, 5.0])
    assert few and five
    assert (few.low, few.high, few.meaning) == (1.0, 40.0, "from the least to the most")
    assert five.meaning == "95 % bootstrap interval of the median"
    many = Spread.of([float(value) for value in range(1, 102)])
    assert many and many.median == 51 and 30 < many.low < 45 and 57 < many.high < 72, "not the least and the most"
    assert Spread.of([5.0, 4.0, 3.0, 2.0, 1.0]) == five, "the order of the runs does not matter"


@pytest.mark.parametrize("count, words", [
    (1, "Single values (n = 1), no whiskers"),
    (3, "Medians of n = 3; whiskers: from the least to the most"),
    (5, "Medians of n = 5; whiskers: 95 % bootstrap interval of the median"),
])  # fmt: skip
def test_the_picture_says_what_it_shows(count: int, words: str, tmp_path: Path) -> None:
    chart = chart_of(by_size(count))
    assert chart.note == words and words in chart.caption
    assert words in " ".join(text.get_text() for part in drawn(chart).subfigs for text in part.texts).replace("\n", " ")


# ---- sweeps ----


def test_two_keys_of_one_system() -> None:
    """The second key has a colour and a marker for each value, each resize a panel."""
    chart = chart_of(two_keys(("tide",)))
    assert [panel.title for panel in chart.panels] == ["grow", "give back"]
    for panel in chart.panels:
        assert [line.name for line in panel.lines] == ["block 2 MiB", "block 32 MiB"]
        assert len({line.mark.colour for line in panel.lines}) == len({line.mark.marker for line in panel.lines}) == 2
        assert all([point.x for point in line.points] == [65536, 524288, 4194304] for line in panel.lines)


def test_two_keys_of_two_systems() -> None:
    """Each value of the second key has a column of panels, each system the colour that it has everywhere."""
    chart = chart_of(two_keys(("tide", "linux")))
    titles = [panel.title for panel in chart.panels]
    assert titles == ["grow, block 2 MiB", "grow, block 32 MiB", "give back, block 2 MiB", "give back, block 32 MiB"]
    assert chart.columns == 2
    for panel in chart.panels:
        assert {line.name: line.mark for line in panel.lines} == {
            "Tide": style.SYSTEMS["tide", "virtio-mem"], "Linux": style.SYSTEMS["linux", "virtio-mem"]}  # fmt: skip
    figure = drawn(chart)
    assert len(panels(figure)) == 4
    assert len({(axes.get_xlim(), axes.get_ylim(), axes.get_yscale()) for axes in panels(figure)}) == 1


def test_a_narrow_picture_has_the_same_axes_in_each_panel() -> None:
    chart = chart_of(by_size(1, 100.0))
    chart.panels.append(pictures.Panel("again", chart.panels[0].lines))
    figure = drawn(chart, style.Look(width=style.COLUMN_WIDTHS["single"]))
    assert len({(axes.get_ylim(), axes.get_yscale()) for axes in panels(figure)}) == 1


def test_the_key_with_most_numbers_is_the_axis() -> None:
    sweep = itertools.product(("ram", "memfd", "file"), (0, 50))
    runs = [run([step(0, "grow", 0, 64)], keys={"device.backend": one, "workload.movable": two}) for one, two in sweep]
    assert chart_of(handmade.experiment(runs)).x.label == "Memory that can be moved (% of what is held)"


def test_words_are_categories() -> None:
    """What is no number stands side by side, and is not joined by lines."""
    runs = [run([step(0, "grow", 0, 64)], keys={"device.backend": name}) for name in ("ram", "memfd")]
    chart = chart_of(handmade.experiment(runs))
    assert chart.x.names == ["ram", "memfd"]
    (axes,) = panels(drawn(chart))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["ram", "memfd"]
    assert all(len(line.get_xdata()) < 2 for line in axes.lines if line.get_linestyle() != "None")


def test_a_story_is_told_in_its_order() -> None:
    """Labelled resizes of several sizes stand in the order of the schedule; of the same label with their sizes."""
    rows = [step(0, "first", 0, 64), step(1, "more", 64, 128), step(2, "less", 128, 16), step(3, "more", 16, 48)]
    names = chart_of(handmade.experiment([run(rows)])).x.names
    assert names == ["first", "more: 64 MiB to 128 MiB", "less", "more: 16 MiB to 48 MiB"]


# ---- steps that did not settle ----


def test_unsettled_steps_stay_visible() -> None:
    """A time is drawn where the wait ended, hollow and with an arrow; what was done is hollow as well."""
    experiment = two_keys(("tide",))
    chart = chart_of(experiment)
    back = chart.panels[1].lines[0].points
    assert [(point.spread.median, point.hollow, point.bound) for point in back] == [
        (2000.0, True, True), (5.0, False, False), (5.0, False, False)]  # fmt: skip
    assert "hollow: not settled in every run, with an arrow: would have taken longer" in chart.note
    done = chart_of(experiment, "done").panels[1].lines[0].points
    assert [(point.spread.median, point.hollow, point.bound) for point in done] == [
        (50.0, True, False), (100.0, False, False), (100.0, False, False)]  # fmt: skip
    axes = panels(drawn(chart))[1]
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == style.PAPER]
    assert [line.get_ydata()[0] for line in hollow] == [2000.0, 2000.0]
    assert sum(line.get_marker() == matplotlib.markers.CARETUP for line in axes.lines) == 2


# ---- axes ----


@pytest.mark.parametrize("factor", [0.001, 0.1, 1.0, 1e6])
def test_nothing_is_cut_off(factor: float) -> None:
    """Every median and whisker is within the axes, which begin at 0 unless they are logarithmic."""
    for experiment in (by_size(4, factor), by_size(1, factor), two_keys(("tide", "linux"))):
        for chart in charts(experiment):
            for axes in panels(drawn(chart)):
                bottom, top = axes.get_ylim()
                left, right = axes.get_xlim()
                assert all(bottom < point.spread.low or bottom == 0 for point in chart.points())
                assert all(point.spread.high < top and left < point.x < right for point in chart.points())
                assert bottom == 0 if axes.get_yscale() == "linear" else bottom > 0


@pytest.mark.parametrize("factor", [0.001, 0.01, 1.0])
def test_no_zero_on_a_logarithmic_axis(factor: float) -> None:
    chart = chart_of(by_size(3, factor))
    assert chart.y.log
    axes = panels(drawn(chart))[0]
    bottom, top = axes.get_ylim()
    shown = {label.get_text(): place for label, place in zip(axes.get_yticklabels(), axes.get_yticks()) if bottom <= place <= top}
    assert len(shown) >= 2
    assert all(float(text.split()[0]) > 0 for text in shown), shown


def test_a_zero_makes_the_axis_linear() -> None:
    rows = [step(0, "", 0, 2, settle_ms=0.0), step(1, "", 0, 8, settle_ms=1.0), step(2, "", 0, 64, settle_ms=5000.0)]
    chart = chart_of(handmade.experiment([run(rows)]))
    assert not chart.y.log and panels(drawn(chart))[0].get_ylim()[0] == 0


def swept_keys() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Every key of a table that takes numbers, with three of the values that a sweep may have."""
    kinds = (("a size", ("1M", "4M", "16M")), ("a time", ("10ms", "200ms", "3s")), ("number", (1, 4, 16)))
    found = {}
    for title, table in keys.SECTIONS:
        name = re.match(r"\[+(\w+)", title)
        for key, one in table.items() if name else ():
            for word, values in kinds:
                if one.kind and word in one.kind.allowed and name:
                    found.setdefault(f"{name[1]}.{key}", values)
    yield from found.items()


@pytest.mark.parametrize("key, values", swept_keys())
def test_axes_have_human_names_with_units(key: str, values: tuple[Any, ...]) -> None:
    """Every key that can be swept over numbers has a name, and its unit in the name or at each tick."""
    assert key in style.KEY_NAMES or key.partition(".")[2] in style.KEY_NAMES
    runs = [run([step(0, "grow", 0, 64)], keys={key: value}) for value in values]
    chart = chart_of(handmade.experiment(runs))
    (axes,) = panels(drawn(chart))
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert chart.x.label[0].isupper() and "_" not in chart.x.label
    assert re.search(r"\(.+\)$", chart.x.label) or all(re.search("[KMG]iB$", tick) for tick in ticks), (chart.x.label, ticks)
    assert re.search(r"\((ms|%|count)\)$", chart.y.label)


def test_migrations_against_what_is_resident() -> None:
    """A point for each whole migration where its memory was, once for all devices, in a panel for each step."""
    runs = []
    for guest, size in itertools.product(("tide", "linux"), (64, 256)):
        values = {"asked": 0, "resident_before": (size + 40) * MIB + 4096, "migration_ms": 2.0 * size, "migration_bytes": size * MIB}
        full = [step(1, "full", 512, 512, **values) | {"device": name} for name in ("vmem0", "vmem1")]
        empty = step(3, "", 0, 0, **values | {"resident_before": 40 * MIB, "migration_ms": 5.0})
        runs.append(run([step(0, "grow", 0, 512), *full, step(2, "back", 512, 0), empty], guest, {"workload.size": f"{size}M"}))
    experiment = handmade.experiment(runs)
    chart, sent = chart_of(experiment, "migration-time"), chart_of(experiment, "migration-bytes")
    assert chart.x.sizes and "Resident memory" in chart.x.label and chart.y.label == "Time of the migration (ms)"
    assert [panel.title for panel in chart.panels] == ["full", "step 3"]
    (tide, linux), (back, _) = (panel.lines for panel in chart.panels)
    assert (tide.name, linux.name) == ("Tide", "Linux")
    assert [(point.x, point.spread.median, point.runs) for point in tide.points] == [(104 * MIB, 128.0, 1), (296 * MIB, 512.0, 1)]
    assert [(point.x, point.spread.count) for point in back.points] == [(40 * MIB, 2)]
    assert [point.spread.median for point in sent.panels[0].lines[1].points] == [64.0, 256.0]
    assert "against the memory that QEMU had resident before" in chart.caption
    assert chart_of(experiment).panels[0].title == "grow", "the resizes have their charts as before"
    assert not [one for one in charts(by_size()) if one.name.startswith("migration")]


def test_a_numbered_table_is_named() -> None:
    assert style.key_name("step.2.requested") == "Requested size, step 2"


# ---- the legend ----


@pytest.mark.parametrize("width", style.COLUMN_WIDTHS.values())
def test_the_legend_is_off_the_data(width: float) -> None:
    experiment = two_keys(("tide", "linux"))
    over_time = timelines.pictures_over_time(experiment, experiment.variants()[0])
    for picture in (chart_of(experiment), chart_of(two_keys(("tide",))), *over_time):
        figure = drawn(picture, style.Look(width=width))
        (legend,) = [legend for part in figure.subfigs for legend in part.legends]
        box = legend.get_window_extent()
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 + 1
        for axes in panels(figure):
            assert not box.overlaps(axes.get_tightbbox()), picture.name


# ---- systems and their colours ----


def test_systems_on_one_time_axis() -> None:
    """Guests and mechanisms are curves of their own colours in the same panels, and rows of one map."""
    systems = list(style.SYSTEMS)
    experiment = handmade.experiment([run([step(0, "grow", 0, 64)], guest, mechanism=mechanism) for guest, mechanism in systems])
    over_time, block_map = timelines.pictures_over_time(experiment, "")
    assert isinstance(over_time, timelines.Timeline) and isinstance(block_map, timelines.MapPicture)
    assert [strip.title for strip in over_time.strips] == ["Requested and plugged", "Used by the guest", "Resident memory of QEMU"]
    for strip in over_time.strips:
        colours = [curve.mark.colour for curve in strip.curves if not curve.requested]
        assert colours == [style.SYSTEMS[system].colour for system in systems]
    assert "Linux, balloon" in {curve.name for curve in over_time.strips[0].curves}
    for picture, count in ((over_time, 3), (block_map, 8)):
        rows = panels(drawn(picture))
        assert len(rows) == count and len({axes.get_xlim() for axes in rows}) == 1
    chart = chart_of(experiment)
    assert len({line.name for line in chart.panels[0].lines}) == 8


def test_a_swept_mechanism_is_a_system() -> None:
    """A sweep of the mechanism is no axis, nor are there pictures over time for each: each has its colour."""
    runs = [run([step(0, "inflate", 0, 64)], keys={"mechanism": name, "device.block": block}, mechanism=name)
            for name in style.MECHANISMS for block in ("2M", "4M")]  # fmt: skip
    experiment = handmade.experiment(runs)
    chart = chart_of(experiment)
    assert chart.x.label == "Block size of the device"
    names = [f"Tide, {name}" for name in style.MECHANISMS]
    assert [line.name for line in chart.panels[0].lines] == names
    assert timelines.variants(experiment) == ["device.block=2M", "device.block=4M"]
    over_time = timelines.pictures_over_time(experiment, "device.block=2M")[0]
    assert isinstance(over_time, timelines.Timeline) and over_time.name == "steps-device.block=2M"
    assert [curve.name for curve in over_time.strips[1].curves] == names


def test_guests_that_run_together_are_one_picture() -> None:
    """Each has a curve of its own, told apart by name and colour."""
    runs = [run([step(0, "rise", 0, 64)], keys={"policy.kind": kind, "guest": name})
            for kind in ("band", "target") for name in ("first", "second", "third")]  # fmt: skip
    experiment = handmade.experiment(runs)
    assert timelines.variants(experiment) == ["policy.kind=band", "policy.kind=target"]
    over_time, block_map = timelines.pictures_over_time(experiment, "policy.kind=band")
    assert isinstance(over_time, timelines.Timeline) and isinstance(block_map, timelines.MapPicture)
    curves = over_time.strips[1].curves
    assert [curve.name for curve in curves] == ["first", "second", "third"]
    assert len({curve.mark.colour for curve in curves}) == 3 and len(block_map.maps) == 3


def test_every_repetition_is_drawn() -> None:
    """The first is thick; an interrupted one is there, too."""
    runs = [run([step(0, "grow", 0, 64)], repetition=1), run([], repetition=2, status="interrupted")]
    over_time = timelines.pictures_over_time(handmade.experiment(runs), "")[0]
    assert isinstance(over_time, timelines.Timeline)
    assert [curve.first for curve in over_time.strips[1].curves] == [True, False]
    assert over_time.note == "All n = 2 runs, the first thick"


# How the eye sees colours with each kind of colour-blindness: Machado, Oliveira and Fernandes (2009), linear RGB.
SIGHT = {
    "full": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
TO_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
JUST_APART = 10.0  # in CIELAB; 2.3 is what a keen eye just sees


def _times(matrix: Any, vector: list[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector)) for row in matrix]


def linear(colour: str) -> list[float]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def lab(rgb: list[float]) -> list[float]:
    xyz = [max(value / white, 0) for value, white in zip(_times(TO_XYZ, rgb), (0.9505, 1.0, 1.089))]
    x, y, z = (value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116 for value in xyz)
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)]


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("marks", [tuple(style.SYSTEMS.values()), style.VALUES], ids=["systems", "values"])
def test_colours_for_the_colour_blind(marks: tuple[style.Mark, ...], dark: bool, sight: str) -> None:
    colours = [style.DARK[mark.colour] if dark else mark.colour for mark in marks]
    seen = {colour: lab([min(max(part, 0), 1) for part in _times(SIGHT[sight], linear(colour))]) for colour in colours}
    for one, two in itertools.combinations(colours, 2):
        apart = sum((a - b) ** 2 for a, b in zip(seen[one], seen[two])) ** 0.5
        assert apart >= JUST_APART, (one, two, apart)
    assert len({mark.marker for mark in marks}) == len(marks)


def test_colours_stand_out_from_a_dark_page() -> None:
    paper = _times(TO_XYZ, linear(style.DARK[style.PAPER]))[1]
    for colour, partner in style.DARK.items():
        if colour not in (style.PAPER, style.GRID, style.SHADE):
            assert (_times(TO_XYZ, linear(partner))[1] + 0.05) / (paper + 0.05) >= 3.0, partner


# ---- files ----


def test_files_of_each_format(tmp_path: Path) -> None:
    """SVG, PDF and PGF of the width and font that were asked for, with a caption for each picture."""
    experiment = handmade.experiment(two_keys(("tide", "linux")).runs, tmp_path, "50% & more_of $it$ {a\\b}")
    look = style.Look(style.parse_width("84mm"), "serif", 7.5, ("svg", "pdf", "pgf"))
    made = figures.draw_all(experiment, look)
    names = [one.picture.name for one in made]
    assert names[:3] == ["time", "instructions", "done"] and len(names) == 3 + 2 * 6
    assert "steps-workload.chunk=64K-device.block=2M" in names
    for name in names:
        svg = (tmp_path / f"{name}.svg").read_text()
        assert re.search(r'<svg [^>]*width="238\.1\d*pt"', svg), "84 mm are 238.1 points"
        assert re.search(r"font: (\w+ )*7\.5px [^;]*'?(serif|DejaVu Serif)", svg), name
        assert set(re.findall(r"([\d.]+)px", svg)) == {"7.5"}, name
        assert (tmp_path / f"{name}.pdf").read_bytes()[:5] == b"%PDF-"
        assert r"\rmfamily\fontsize{7.500000}" in (tmp_path / f"{name}.pgf").read_text()
    captions = (tmp_path / "captions.txt").read_text()
    for name in names:
        assert f"{name}: 50% & more_of $it$ {{a\\b}}. " in captions
    assert captions.count("Tide and Linux 6.1.0-57 in QEMU 7.2.0 under TCG.") == len(names)


def test_labels_are_escaped_for_tex(tmp_path: Path) -> None:
    rows = [step(0, "50% & a_b #1 $x$ {y} ^~ \\z", 0, 64)]
    made = handmade.experiment([run(rows)], tmp_path)
    figures.draw_all(made, style.Look(formats=("pgf",)))
    text = (tmp_path / "time.pgf").read_text()
    assert r"50\% \& a\_b \#1 \$x\$ \{y\} \textasciicircum{}\textasciitilde{}" in text.replace("}%\n", "")


@pytest.mark.parametrize("option, wrong, expected", [
    ("--width", "9 feet", "'9 feet' is not a width; expected \"single\", \"double\" or 50mm to 600mm"),
    ("--width", "10mm", "'10mm' is not a width"),
    ("--font-size", "huge", "'huge' is not a font size; expected 4 to 24 points"),
    ("--font", "Comic Papyrus", "'Comic Papyrus' is not a font of this machine; expected serif, sans-serif"),
    ("--formats", "svg,bmp", "'bmp' is not a format of pictures; expected some of svg, pdf, pgf"),
])  # fmt: skip
def test_wrong_looks_are_refused(option: str, wrong: str, expected: str, tool: Any) -> None:
    done = tool("experiment", "plot", option, wrong, "latency")
    assert done.returncode == 2 and expected in done.stderr


# ---- the pages that show them ----

SHOWN = re.compile(r"!\[[^\]]+\]\((?:\.\./docs/)?figures/([\w.=-]+\.svg)\)")


def test_each_shipped_scenario_is_shown() -> None:
    """experiments/README.md has a part with a picture for each; no picture is missing, and none is shown nowhere."""
    page = (TREE / "experiments/README.md").read_text()
    parts = {part.partition(":")[0]: part for part in page.split("\n## ")[1:]}
    assert sorted(parts) == sorted(path.stem for path in (TREE / "experiments").glob("*.toml"))
    for name, part in parts.items():
        shown = SHOWN.findall(part)
        assert shown and all(re.match(rf"{name}(-compare)?-[\w.=-]+\.svg", picture) for picture in shown), name
    shown_in = {picture for path in ("experiments/README.md", "docs/experiments.md", "docs/virtqueue.md")
                for picture in SHOWN.findall((TREE / path).read_text())}  # fmt: skip
    assert shown_in == {path.name for path in (TREE / "docs/figures").glob("*.svg")}

# SPDX-License-Identifier: BSD-2-Clause
"""report.html: one file that opens offline and holds the pictures and the table.

The pictures are the SVGs of figures.py with their colours as variables of the page, which a dark page
sets anew. Only the map of one moment is drawn by the page itself, from the runs' samples.
"""

import html
import json
import re
from pathlib import Path
from typing import Any, Callable

from . import results, tables
from .figures import Drawn
from .results import Experiment, RunResult
from .style import DARK, PAPER
from .timelines import MapPicture, Timeline, variants

SAMPLES_MAX = 1500  # of one run; more are thinned out evenly
TEMPLATE = Path(__file__).with_name("report.html.in")
_MARK = re.compile(r"\{\{(\w+)\}\}")


# ---- pictures ----


def colour_variables() -> dict[str, str]:
    """The page's variables for the pictures' colours: the light ones, and those of a dark page."""
    names = {colour: f"--c{colour[1:]}" for colour in DARK}
    return {
        "LIGHT": " ".join(f"{name}: {colour};" for colour, name in names.items()),
        "DARK": " ".join(f"{name}: {DARK[colour]};" for colour, name in names.items()),
        "PAPER": f"--c{PAPER[1:]}",
    }


def inline(svg: str, name: str) -> str:
    """An SVG as a part of the page: its ids are its own, its colours the page's."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", svg)
    return re.sub(r"#[0-9a-f]{6}\b", lambda found: f"var(--c{found[0][1:]})" if found[0] in DARK else found[0], svg)


def _figure(drawn: Drawn, index: int) -> str:
    kind = "map" if isinstance(drawn.picture, MapPicture) else "plot"
    caption = html.escape(drawn.picture.caption)
    return (f'<figure class="{kind}" data-name="{html.escape(drawn.picture.name)}">{inline(drawn.svg, f"p{index}")}'
            f"<figcaption>{caption}</figcaption></figure>\n")  # fmt: skip


def _pictures(drawn: list[Drawn], wanted: Callable[[Any], bool]) -> str:
    return "".join(_figure(one, index) for index, one in enumerate(drawn) if wanted(one.picture))


def _over_time(experiment: Experiment, drawn: list[Drawn]) -> str:
    """The pictures over time: a part that can be chosen for each variant."""
    parts = []
    for variant in variants(experiment):
        figures = _pictures(drawn, lambda picture: getattr(picture, "variant", None) == variant)
        parts.append(f'<div class="variant" data-variant="{html.escape(variant)}">{figures}</div>')
    return "\n".join(parts)


# ---- the table and the words ----


def _table(experiment: Experiment) -> str:
    cells = results.cells(experiment)
    columns = tables.result_columns(cells)

    def entry(column: tables.Column, cell: results.Cell) -> str:
        median, spread = (html.escape(text) for text in column.cell(cell))
        side = ' class="text"' if column.words else ""
        return f"<td{side}>{median}{f'<small>{spread}</small>' if spread else ''}</td>"

    sides = [' class="text"' if column.words else "" for column in columns]
    head = "".join(f"<th{side}>{column.title}</th>" for side, column in zip(sides, columns))
    rows = "".join(f"<tr>{''.join(entry(column, cell) for column in columns)}</tr>\n" for cell in cells)
    return f"<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody>"


def _facts(experiment: Experiment) -> str:
    """What was run, on what: of all runs, by guest where they differ."""
    facts: dict[str, Any] = {}
    for run in experiment.runs:
        for name, value in run.meta.get("versions", {}).items():
            facts.setdefault(name.replace("_", " "), value)
        for name, value in run.meta.get("host", {}).items():
            is_bytes = name.endswith("_bytes") and value is not None
            facts.setdefault(f"host {name.removesuffix('_bytes')}", tables.human_size(value) if is_bytes else value)
        facts.setdefault("accelerator", run.meta.get("accel"))
    facts["started"] = experiment.meta.get("started")
    known = {name: str(value) for name, value in facts.items() if value is not None}
    return "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in known.items())


def _state(experiment: Experiment) -> str:
    bad = [run for run in experiment.runs if run.meta["status"] != "complete"]
    if not bad:
        return f"{len(experiment.runs)} runs, all complete"
    words = ", ".join(results.unique(run.meta["status"] for run in bad))
    return f"{len(experiment.runs)} runs, of which {len(bad)} did not end well: {words}"


# ---- the samples behind the map of one moment ----


def _samples(run: RunResult) -> list[dict[str, Any]]:
    """The moments that have a map, with the blocks of every device."""
    moments: dict[float, dict[str, Any]] = {}
    for row in run.series:
        if row["blocks"] is not None:
            moment = moments.setdefault(row["time_s"], {"t": row["time_s"], "step": row["step"], "blocks": {}})
            moment["blocks"][row["device"]] = row["blocks"]
    samples = list(moments.values())
    return samples[:: -(-len(samples) // SAMPLES_MAX)] if len(samples) > SAMPLES_MAX else samples


def _run(run: RunResult, experiment: Experiment) -> dict[str, Any]:
    meta = run.meta
    words = [run.guest, run.mechanism if len({other.mechanism for other in experiment.runs}) > 1 else "",
             run.variant, f"seed {meta.get('seed')}", f"repetition {meta.get('repetition')}"]  # fmt: skip
    return {
        "name": ", ".join(word for word in words if word),
        "status": meta["status"],
        "reason": meta.get("reason"),
        "missing": meta.get("missing", []),
        "devices": meta.get("devices", []),
        "samples": _samples(run),
    }


def _data(experiment: Experiment) -> str:
    """The runs as JSON that no script's end can stand in."""
    runs = [_run(run, experiment) for run in experiment.runs]
    return json.dumps(runs, separators=(",", ":")).replace("</", "<\\/").replace("<!--", "<\\!--")


def write(experiment: Experiment, drawn: list[Drawn]) -> Path:
    """Write report.html, with the pictures that were drawn, into the experiment's folder."""
    scenario = experiment.folder / "scenario.toml"
    over_time = (Timeline, MapPicture)
    parts = colour_variables() | {
        "TITLE": html.escape(experiment.meta.get("title") or experiment.folder.parent.name),
        "ABOUT": html.escape(experiment.meta.get("about", "")),
        "STATE": html.escape(_state(experiment)),
        "CHARTS": _pictures(drawn, lambda picture: not isinstance(picture, over_time)),
        "OVER_TIME": _over_time(experiment, drawn),
        "TABLE": _table(experiment),
        "SPREAD": html.escape(tables.spread_words(results.cells(experiment))),
        "FACTS": _facts(experiment),
        "SCENARIO": html.escape(scenario.read_text() if scenario.exists() else ""),
        "RUNS": _data(experiment),
    }
    path = experiment.folder / "report.html"
    path.write_text(_MARK.sub(lambda mark: parts[mark[1]], TEMPLATE.read_text()))
    return path

# SPDX-License-Identifier: BSD-2-Clause
"""report.html: one file that opens offline and holds its own data.

report.html.in beside this file draws; here the run folders become the JSON that it
reads.
"""

import json
from pathlib import Path
from typing import Any

from . import results
from .results import Cell, Experiment, RunResult, Spread

SAMPLES_MAX = 1500  # of one run; more are thinned out evenly
TEMPLATE = Path(__file__).with_name("report.html.in")
_DATA_MARK = "/*DATA*/null"


def _spread(spread: Spread | None) -> list[float] | None:
    return [spread.median, spread.low, spread.high] if spread else None


def _cell(cell: Cell) -> dict[str, Any]:
    reached = cell.reached.median if cell.reached else None
    return {
        "guest": cell.guest,
        "variant": cell.variant,
        "keys": cell.keys,
        "step": cell.step,
        "label": cell.label,
        "device": cell.device,
        "before": cell.size_before,
        "requested": cell.requested,
        "reached": reached,
        "runs": cell.runs,
        "settled": cell.settled,
        "used": cell.used_before.median if cell.used_before else None,
        **{name: _spread(spread) for name, spread in cell.measures.items()},
    }


def _samples(run: RunResult) -> list[dict[str, Any]]:
    """The series as one entry for each moment, with the devices' values side by side."""
    moments: dict[float, dict[str, Any]] = {}
    for row in run.series:
        moment = moments.setdefault(
            row["time_s"],
            {"t": row["time_s"], "step": row["step"], "resident": row["resident"], "held": row["workload_held"],
             "requested": {}, "size": {}, "used": {}, "blocks": {}},
        )  # fmt: skip
        device = row["device"]
        moment["requested"][device] = row["requested"]
        moment["size"][device] = row["size"]
        if row["blocks"] is not None:
            moment["used"][device] = row["guest_used"]
            moment["blocks"][device] = row["blocks"]
    samples = list(moments.values())
    return samples[:: -(-len(samples) // SAMPLES_MAX)] if len(samples) > SAMPLES_MAX else samples


def _run(run: RunResult) -> dict[str, Any]:
    meta = run.meta
    return {
        "name": run.folder.name,
        "guest": run.guest,
        "variant": run.variant,
        "seed": meta.get("seed"),
        "repetition": meta.get("repetition"),
        "status": meta["status"],
        "reason": meta.get("reason"),
        "missing": meta.get("missing", []),
        "devices": meta.get("devices", []),
        "labels": {row["step"]: row["label"] for row in run.steps},
        "samples": _samples(run),
    }


def _facts(experiment: Experiment) -> dict[str, Any]:
    """What was run, on what: of all runs, by guest where they differ."""
    facts: dict[str, Any] = {}
    for run in experiment.runs:
        for name, value in run.meta.get("versions", {}).items():
            facts.setdefault(name.replace("_", " "), value)
        for name, value in run.meta.get("host", {}).items():
            facts.setdefault(f"host {name.replace('_', ' ')}", value)
        facts.setdefault("accelerator", run.meta.get("accel"))
    facts["started"] = experiment.meta.get("started")
    return {name: value for name, value in facts.items() if value is not None}


def data(experiment: Experiment) -> dict[str, Any]:
    """All that the page shows."""
    scenario = experiment.folder / "scenario.toml"
    return {
        "title": experiment.meta.get("title") or experiment.folder.parent.name,
        "about": experiment.meta.get("about", ""),
        "name": experiment.meta.get("name", ""),
        "status": experiment.meta.get("status", ""),
        "facts": _facts(experiment),
        "scenario": scenario.read_text() if scenario.exists() else "",
        "runs": [_run(run) for run in experiment.runs],
        "cells": [_cell(cell) for cell in results.cells(experiment)],
    }


def write(experiment: Experiment) -> Path:
    """Write report.html into the experiment's folder."""
    text = json.dumps(data(experiment), separators=(",", ":")).replace("</", "<\\/").replace("<!--", "<\\!--")
    page = TEMPLATE.read_text().replace(_DATA_MARK, text)
    path = experiment.folder / "report.html"
    path.write_text(page)
    return path

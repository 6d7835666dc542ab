# SPDX-License-Identifier: BSD-2-Clause
"""Experiments made by hand, in memory: what each run did is a row, and nothing is started."""

from pathlib import Path
from typing import Any

from tide_experiment.recorder import STEP_COLUMNS
from tide_experiment.results import Experiment, RunResult

MIB = 1 << 20
VERSIONS = {"qemu": "7.2.0", "linux": "linux-image-6.1.0-57-amd64_6.1.192-3_amd64"}


def step(number: int, label: str, before: int, requested: int, **values: Any) -> dict[str, Any]:
    """A row of steps.csv, with sizes in MiB; `reached` is where it ended, if not at what was requested."""
    reached = values.pop("reached", requested)
    settled = reached == requested
    return dict.fromkeys(STEP_COLUMNS, 0) | {
        "step": number, "label": label, "device": "vmem0", "asked": 1, "size_before": before * MIB,
        "requested": requested * MIB, "size_after": reached * MIB, "settled": int(settled),
        "settle_ms": 5.0 if settled else None, "step_ms": 2000.0, "instructions": 1000, "plug": 1,
    } | values  # fmt: skip


def sample(time: float, size: int, used: int, blocks: str) -> dict[str, Any]:
    """A row of series.csv, with sizes in MiB."""
    return {
        "time_s": time, "step": min(int(time), 1), "device": "vmem0", "requested": size * MIB, "size": size * MIB,
        "guest_used": used * MIB, "workload_held": 0, "resident": (40 + size) * MIB, "blocks": blocks,
    }  # fmt: skip


SERIES = [sample(0.0, 0, 0, "32u"), sample(1.0, 64, 20, "8f4A20e"), sample(2.0, 48, 18, "8f4H12e8u")]


def run(rows: list[dict[str, Any]], guest: str = "tide", keys: dict[str, Any] | None = None, **meta: Any) -> RunResult:
    """One run, of the variant that the keys name."""
    variant = ",".join(f"{key}={value}" for key, value in (keys or {}).items())
    about = {
        "status": "complete", "guest": guest, "variant": variant, "keys": keys or {}, "accel": "tcg", "versions": VERSIONS,
        "seed": 1, "repetition": 1, "devices": [{"id": "vmem0", "size": 64 * MIB, "block": 2 * MIB}],
    }  # fmt: skip
    return RunResult(Path(f"{guest}_{variant}"), about | meta, rows, [dict(row) for row in SERIES])


def experiment(runs: list[RunResult], folder: Path = Path("made/1"), title: str = "Made by hand") -> Experiment:
    return Experiment(folder, {"name": "made", "title": title}, runs)

# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the experiments share: where things are, scenarios, an experiment made by hand."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
from tide.linux import LinuxFiles

TREE = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("TIDE_BUILD", TREE / "build")).resolve()
DATA = Path(__file__).resolve().parent / "data"

MINIMAL = """\
title = "Try"
[[device]]
size = "256M"
[[step]]
requested = "128M"
[[step]]
requested = "0"
"""


@pytest.fixture(autouse=True)
def environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The tools find what was built where the tests do; a run under stress keeps a failed test's folder."""
    monkeypatch.setenv("O", str(BUILD))
    request.node.user_properties.append(("folder", str(tmp_path)))


@pytest.fixture
def scenario_file(tmp_path: Path) -> Callable[[str], Path]:
    """scenario_file(TEXT) writes a scenario and gives its path."""

    def write(text: str = MINIMAL, name: str = "try.toml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


Tool = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def tool() -> Tool:
    """tool("experiment", "check", ...) runs one of tools/ to its end."""

    def run(name: str, *arguments: str | Path, **extra: Any) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, str(TREE / "tools" / name), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, **extra)

    return run


@pytest.fixture
def linux_files(tool: Tool) -> LinuxFiles:
    """The Linux guest, built where it is not yet."""
    built = tool("linux-guest")
    if built.returncode != 0 and "download" in built.stderr:
        pytest.skip(f"the distribution's packages cannot be had: {built.stderr.strip()}")
    assert built.returncode == 0, built.stderr
    return LinuxFiles(BUILD / "linux")


MIB = 1 << 20
_STEPS = (
    # step, label, before, requested, after, settle ms, instructions
    (0, "grow", 0, 64, 64, 5.0, 1000),
    (1, "shrink", 64, 48, 48, 7.0, 2000),
    (2, "to <nothing>", 48, 0, 8, None, 4000),
)


def _series(scale: float) -> str:
    lines = ["time_s,step,device,requested,size,usable,guest_used,guest_free,boot_used,workload_held,"
             "workload_target,instructions,cpu_s,resident,blocks"]  # fmt: skip
    blocks = ("32u", "8f4A20e", "8f4H12e8u", "2f2D28u")
    for index, runs in enumerate(blocks):
        size = (0, 64, 48, 8)[index]
        used = (0, 20, 18, 4)[index]
        lines.append(f"{index * scale:.4f},{max(index - 1, 0)},vmem0,{size * MIB},{size * MIB},{64 * MIB},"
                     f"{used * MIB},{(size - used) * MIB},4096,0,0,{index * 1000},0.1,"
                     f"{(40 + size) * MIB},{runs}")  # fmt: skip
    return "\n".join(lines) + "\n"


def _steps(factor: float) -> str:
    from tide_experiment.recorder import STEP_COLUMNS

    lines = [",".join(STEP_COLUMNS)]
    for step, label, before, requested, after, settle, instructions in _STEPS:
        row = dict.fromkeys(STEP_COLUMNS, "0") | {
            "step": step, "label": label, "device": "vmem0", "asked": 1, "size_before": before * MIB,
            "requested": requested * MIB, "size_after": after * MIB, "settled": int(after == requested),
            "settle_ms": "" if settle is None else settle * factor, "instructions": round(instructions * factor),
            "plug": int(requested > before), "unplug": int(requested < before), "ack": 1,
        }  # fmt: skip
        lines.append(",".join(str(row[name]) for name in STEP_COLUMNS))
    return "\n".join(lines) + "\n"


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    """A folder of an experiment, made by hand: Tide and Linux, three runs each, one of them interrupted."""
    folder = tmp_path / "made" / "2026-01-01T00-00-00"
    names = []
    for repetition in (1, 2, 3):
        for guest, factor in (("tide", 1.0), ("linux", 100.0)):
            run = folder / "runs" / f"{guest}_seed1_{repetition}"
            run.mkdir(parents=True)
            names.append(run.name)
            broken = guest == "linux" and repetition == 3
            (run / "series.csv").write_text(_series(factor))
            (run / "steps.csv").write_text(_steps(factor * repetition))
            meta = {
                "status": "interrupted" if broken else "complete",
                "reason": "by the user" if broken else None,
                "missing": ["steps 3 to 9"] if broken else [],
                "guest": guest, "variant": "", "keys": {}, "seed": 1, "repetition": repetition,
                "devices": [{"id": "vmem0", "size": 64 * MIB, "block": 2 * MIB}],
                "versions": {"qemu": "7.2.0"}, "host": {"memory_bytes": 8 << 30}, "accel": "tcg",
            }  # fmt: skip
            (run / "meta.json").write_text(json.dumps(meta))
    (folder / "scenario.toml").write_text(MINIMAL)
    about = {"name": "made", "title": "Made by hand </script><b>", "about": "For the tests.", "runs": names}
    (folder / "meta.json").write_text(json.dumps(about))
    return folder

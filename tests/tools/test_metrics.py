# SPDX-License-Identifier: BSD-2-Clause
"""The metrics of whole runs on series made by hand, traces of demand, and both on real machines."""

from pathlib import Path
from typing import Any, Callable

import pytest
from tide_experiment import cli, demand, folder, metrics, results, scenario
from tide_experiment.checker import ScenarioError
from tide_experiment.results import RunResult

MIB = 1 << 20
GIB = 1 << 30
Write = Callable[..., Path]


def made(samples: list[dict[str, Any]], steps: list[dict[str, Any]] | None = None, **meta: Any) -> RunResult:
    defaults = {"device": "vmem0", "requested": 0, "size": 0, "resident": 0, "instructions": None, "workload_held": None,
                "workload_target": None, "workload_denied": None, "workload_ops": None, "pages_moved": None}  # fmt: skip
    return RunResult(Path("run"), {"status": "complete"} | meta, steps or [], [defaults | sample for sample in samples])


def test_memory_over_time() -> None:
    """A sample stands until the next one; devices are added; the last sample ends the run."""
    run = made([
        {"time_s": 0, "size": GIB, "resident": GIB}, {"time_s": 0, "size": GIB, "device": "vmem1", "resident": GIB},
        {"time_s": 60, "size": GIB, "resident": 2 * GIB}, {"time_s": 60, "size": 0, "device": "vmem1", "resident": 2 * GIB},
        {"time_s": 90, "size": 0, "resident": 0},
    ])  # fmt: skip
    values = metrics.of_run(run)
    assert values["plugged_gib_min"] == pytest.approx(2.5) and values["resident_gib_min"] == pytest.approx(2.0)
    assert (values["plugged_peak"], values["resident_peak"]) == (2 * GIB, 2 * GIB)
    assert values["denied"] is values["stolen_most"] is values["migration_ms"] is None


def test_demand_and_denials() -> None:
    """A counter begins again with each workload; what is below demand is held too little."""
    series = [(0, 0, 0, 0), (1, 5, 10, 2), (3, 10, 10, 4), (4, 10, 10, 1), (6, 9, 10, 3), (7, 10, 10, 3)]
    run = made([{"time_s": time, "workload_held": held, "workload_target": target, "workload_denied": denied}
                for time, held, target, denied in series])  # fmt: skip
    values = metrics.of_run(run)
    assert values["denied"] == 4 + 3 and values["below_demand_s"] == 2 + 1


def slices(*parts: tuple[int, int, bool]) -> list[dict[str, Any]]:
    """Samples between which so many instructions and operations were done, during a resize or not."""
    samples = [{"time_s": 0, "instructions": 0, "workload_ops": 0}]
    for instructions, operations, resizing in parts:
        last = samples[-1]
        samples.append({"time_s": last["time_s"] + 1, "instructions": last["instructions"] + instructions,
                        "workload_ops": last["workload_ops"] + operations, "requested": int(resizing)})  # fmt: skip
    return samples


def test_stolen_instructions() -> None:
    """Idle slices say what a look costs, working ones what an operation does: the rest of a slice with a resize is stolen."""
    quiet = [(100, 0, False), (1100, 10, False), (2100, 20, False), (100, 0, False)]
    run = made(slices(*quiet, (1900, 10, True), (600, 0, True), (50, 0, True)))
    assert metrics.stolen(run) == (800 + 500, 800)
    assert metrics.stolen(made(slices(*quiet))) == (0, 0)
    assert metrics.stolen(made(slices((100, 0, False), (900, 5, True)))) is None, "nothing to compare with"
    assert metrics.stolen(made([])) is None


def test_pages_moved() -> None:
    counted = made([{"time_s": 0, "pages_moved": 7}, {"time_s": 1, "pages_moved": 19}])
    assert metrics.of_run(counted)["pages_moved"] == 12
    chunks = made([], [{"step": 0, "workload_moved": 3}, {"step": 1, "workload_moved": 2}], workload={"chunk": 65536})
    assert metrics.of_run(chunks)["pages_moved"] == 80


def test_guests_together() -> None:
    """Sums over the guests, but for the peaks, which are those of the sum."""
    first = made([{"time_s": 0, "size": 4 * GIB, "resident": GIB}, {"time_s": 60, "size": GIB, "resident": GIB},
                  {"time_s": 120, "resident": 0}], group="g", member="a", variant="x=1,guest=a", of="x=1", guest="tide")  # fmt: skip
    second = made([{"time_s": 30, "size": 0, "resident": GIB}, {"time_s": 90, "size": 3 * GIB, "resident": 2 * GIB},
                   {"time_s": 150, "resident": 0}], group="g", member="b", variant="x=1,guest=b", of="x=1", guest="tide")  # fmt: skip
    experiment = results.Experiment(Path("."), {}, [first, second])
    listed = metrics.rows(experiment)
    assert [(row.guest, row.variant) for row in listed] == [("tide", "x=1,guest=a"), ("tide", "x=1,guest=b"), ("all", "x=1")]
    values = listed[-1].values
    assert values["plugged_gib_min"] == pytest.approx(5 + 3) and values["plugged_peak"] == 4 * GIB
    assert values["resident_gib_min"] == pytest.approx(2 + 3) and values["resident_peak"] == 3 * GIB


# ---- traces ----


def test_trace_file(tmp_path: Path) -> None:
    path = tmp_path / "demand.csv"
    path.write_text("time_s,demand,note\n10,64M,x\n12.5,1048576,y\n20,0,z\n")
    assert demand.read(path) == [(0, 64 * MIB), (2.5, MIB), (10, 0)]
    assert demand.read(path, 5)[-1] == (2, 0)


TRACED = """\
title = "traced"
[[device]]
size = "512M"
requested = "512M"
[trace]
file = "demand.csv"
chunk = "16K"
tick = "1ms"
[[step]]
workload = "start"
hold = "100ms"
[[step]]
workload = "wait"
timeout = "5min"
[[step]]
migration = "whole"
timeout = "5min"
[[step]]
workload = "stop"
requested = "0"
[[step]]
migration = "whole"
timeout = "5min"
[record]
guest_interval = "700ms" # the last view before the trace's last row is not of what that row wants
"""


@pytest.mark.parametrize("text, words", [
    (None, "no-such"),
    ("time_s,demand\n", "no rows: expected the columns time_s and demand"),
    ("seconds,demand\n1,1M\n", "demand.csv:2: expected time_s in seconds and demand as a size"),
    ("time_s,demand\n1,1M\n2,much\n", "demand.csv:3: expected time_s in seconds and demand as a size"),
    ("time_s,demand\n1,1M\n1,2M\n", "demand.csv:3: time_s = 1 is not after 1, the row before"),
])  # fmt: skip
def test_wrong_traces(text: str | None, words: str, scenario_file: Write, tmp_path: Path) -> None:
    (tmp_path / "demand.csv").write_text(text or "")
    path = scenario_file(TRACED if text is not None else TRACED.replace("demand.csv", "no-such.csv"))
    with pytest.raises(ScenarioError) as caught:
        scenario.read(path)
    assert words in str(caught.value) and ":6: " in str(caught.value)


def test_trace_and_workload(scenario_file: Write, tmp_path: Path) -> None:
    (tmp_path / "demand.csv").write_text("time_s,demand\n0,100M\n1,1500K\n2,130M\n")
    with pytest.raises(ScenarioError, match="a \\[trace\\] beside a \\[workload\\]"):
        scenario.read(scenario_file(TRACED + '[workload]\nkind = "steady"\nsize = "1M"\n'))
    (variant,) = scenario.read(scenario_file(TRACED)).variants
    assert variant.workload and (variant.workload["size"], variant.workload["low"]) == (130 * MIB, 100 * MIB)
    assert scenario.read(scenario_file(TRACED)).warnings == []


def test_linux_follows_a_trace_and_counts_what_it_moves(linux_files: Any, scenario_file: Write, tmp_path: Path) -> None:
    (tmp_path / "demand.csv").write_text("time_s,demand\n0,64M\n1,30M\n2,120M\n")
    text = 'guest = "linux"\n' + TRACED.partition('[[step]]\nmigration')[0] + '[[step]]\nrequested = "256M"\n[record]\n'
    out = tmp_path / "out"
    assert cli.main(["run", "--no-plot", "--out", str(out), str(scenario_file(text))]) == 0
    (run,) = results.read_experiment(out / "try" / "latest").runs
    targets = [row["workload_target"] // MIB for row in run.series if row["workload_target"]]
    assert targets[0] == 64 and targets[-1] == 120 and set(targets) <= {64, 30, 120}
    assert run.steps[1]["workload_held"] == 120 * MIB
    counts = [row["pages_moved"] for row in run.series if row["pages_moved"] is not None]
    assert counts == sorted(counts) and metrics.of_run(run)["pages_moved"] == counts[-1] - counts[0]


def test_a_trace_and_migrations(scenario_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The workload holds what the trace wants, in its order; a guest that gave its memory back is small to migrate."""
    (tmp_path / "demand.csv").write_text("time_s,demand\n0,64M\n1,200M\n2,30M\n3,120M\n")
    out = tmp_path / "out"
    assert cli.main(["run", "--no-plot", "--out", str(out), str(scenario_file(TRACED))]) == 0
    latest = out / "try" / "latest"
    (run,) = results.read_experiment(latest).runs
    targets = [row["workload_target"] // MIB for row in run.series if row["workload_target"]]
    wanted = [64, 200, 30, 120]
    assert [target for target in wanted if target in targets] == list(dict.fromkeys(targets)) and targets[-1] == 120
    assert run.steps[1]["workload_held"] == 120 * MIB
    full, empty = run.steps[2], run.steps[4]
    # What the workload wrote is plugged still, also where it was freed since.
    assert full["migration_bytes"] > 120 * MIB > empty["migration_bytes"] > 0
    assert full["migration_ms"] > 0 and run.steps[3]["migration_ms"] is None
    (row,) = folder.read_csv(latest / "metrics.csv")
    assert int(float(row["migration_bytes"])) == full["migration_bytes"] + empty["migration_bytes"]
    assert float(row["plugged_peak"]) == 512 * MIB and row["run_status"] == "complete" and row["denied"] == "0.0"
    shown = capsys.readouterr().out
    assert "Metrics of whole runs" in shown and "migrated" in shown

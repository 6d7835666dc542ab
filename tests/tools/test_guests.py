# SPDX-License-Identifier: BSD-2-Clause
"""Several guests that run together: their tables, their shared memory by policy and by control group, one result."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
from tide_experiment import cgroup, cli, folder, results, scenario
from tide_experiment.checker import ScenarioError
from tide_experiment.guests import TideGuest
from tide_experiment.live import Live
from tide_experiment.runner import Run, plan_runs
from tide_experiment.toml_lines import locate

MIB = 1 << 20
Write = Callable[..., Path]

TWO = """\
title = "two"
[host]
memory = "448M"
[policy]
kind = "band"
period = "50ms"
stale = "5min"
step = "32M"
[machine]
memory = "64M"
[[device]]
size = "256M"
[workload]
kind = "steady"
size = "160M"
chunk = "1M"
tick = "1ms"
[[step]]
requested = "64M"
[[step]]
workload = "start"
hold = "100ms"
[[step]]
workload = "wait"
timeout = "5min"
[[step]]
workload = "stop"
hold = "500ms"
[record]
guest_interval = "50ms"
instructions = false
[[guest]]
name = "a"
[[guest]]
name = "b"
[guest.machine]
memory = "96M"
[guest.workload]
kind = "steady"
size = "150M"
chunk = "2M"
tick = "1ms"
"""


def test_tables_of_guests(scenario_file: Write) -> None:
    """A guest has what its own tables say, and else what the file's do."""
    (variant,) = scenario.read(scenario_file(TWO)).variants
    first, second = variant.each()
    assert [one.label for one in variant.each()] == ["a", "b"]
    assert [one.machine["memory"] for one in variant.each()] == [64 * MIB, 96 * MIB]
    assert first.workload and second.workload and (first.workload["chunk"], second.workload["chunk"]) == (MIB, 2 * MIB)
    assert first.steps == second.steps and first.host["memory"] == 448 * MIB
    (plan,) = plan_runs([scenario.read(scenario_file(TWO), "linux")])
    assert [one.folder_name() for one in plan.each()] == ["linux_seed1_1_a", "linux_seed1_1_b"]


def test_sweep_over_guests(scenario_file: Write) -> None:
    text = TWO + '[sweep]\n"guest.1.workload.size" = ["100M", "120M"]\n"workload.size" = ["64M"]\n'
    sizes = [[one.workload["size"] // MIB for one in variant.each()] for variant in scenario.read(scenario_file(text)).variants]
    assert sizes == [[64, 100], [64, 120]]


def test_lines_of_nested_tables() -> None:
    lines = locate("[[g]]\n[[g.d]]\nx = 1\n[[g.d]]\n[g.w]\ny = 1\n[[g]]\n[[g.d]]\nx = 1\n")
    assert (lines[("g", 0)], lines[("g", 0, "d", 0, "x")], lines[("g", 0, "d", 1)], lines[("g", 0, "w", "y")]) == (1, 3, 4, 6)
    assert (lines[("g", 1)], lines[("g", 1, "d", 0, "x")]) == (7, 9)


@pytest.mark.parametrize("old, new, words", [
    ('name = "b"', 'name = "a"', "34: a second guest with the name a\n    allowed: a name for each"),
    ('name = "b"', 'name = "B"', '35: guest.1.name = "B"\n    allowed: a name of 1 to 16 small letters'),
    ('name = "b"', 'kind = "bsd"', '35: guest.1.kind = "bsd"\n    allowed: one of "tide", "linux"'),
    ('name = "b"', "policy = 1", "35: unknown key 'policy' in [guest.1]"),
    ('chunk = "2M"', 'chunk = "2X"', '41: guest.1.workload.chunk = "2X"'),
    ('chunk = "2M"', 'chunk = "200M"', "41: chunk = 200M\n    allowed: at most the workload's size, 150M"),
    ('memory = "448M"', 'memory = "128M"', "3: memory = 128M\n    allowed: at least what the guests begin with, 160M"),
    ('memory = "448M"', 'enforce = "cgroup"', '3: enforce = "cgroup" without a limit\n    allowed: memory = "2G" beside it'),
    ('[policy]\nkind = "band"\nperiod = "50ms"\nstale = "5min"\nstep = "32M"\n', "",
     '3: a memory that nothing enforces\n    allowed: a table [policy], or enforce = "cgroup"'),
])  # fmt: skip
def test_wrong_guests(scenario_file: Write, old: str, new: str, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario.read(scenario_file(TWO.replace(old, new)))
    assert f"try.toml:{words}" in str(caught.value)


def test_two_guests_share_a_host(scenario_file: Write, tmp_path: Path) -> None:
    """Both get what they need, and together never more than there is."""
    path, out = scenario_file(TWO), tmp_path / "out"
    assert cli.main(["run", "--no-plot", "--out", str(out), str(path)]) == 0
    experiment = results.read_experiment(out / "try" / "latest")
    assert [(run.meta["member"], run.variant, run.meta["status"]) for run in experiment.runs] == [
        ("a", "guest=a", "complete"), ("b", "guest=b", "complete")]  # fmt: skip
    decisions = sorted(
        ((float(row["time_s"]), row) for run in experiment.runs for row in folder.read_csv(run.folder / "decisions.csv")),
        key=lambda one: one[0],
    )
    result = {"a": 64 * MIB, "b": 96 * MIB}
    for _, row in decisions:
        assert row["host_total"] == str(448 * MIB)
        result[row["guest"]] = int(row["result"])
        if row["branch"] == "grow":
            assert sum(result.values()) <= 448 * MIB
    assert {row["guest"] for _, row in decisions if row["branch"] == "grow"} == {"a", "b"}
    first, second = (run.series for run in experiment.runs)
    assert first[0]["time_s"] < second[-1]["time_s"] and second[0]["time_s"] < first[-1]["time_s"], "on one time axis"
    assert [run.steps[2]["workload_held"] // MIB for run in experiment.runs] == [160, 150]


def test_one_guest_crashes(scenario_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one goes on to its end, and the whole has crashed; --resume then does both again."""
    killed: list[int] = []
    observe = Live.observe

    def kill(live: Live, plan: Any, moment: Any, step: int, monitor: Any) -> None:
        observe(live, plan, moment, step, monitor)
        if plan.variant.member == "a" and step == 1 and not killed:
            killed.append(1)
            (command,) = (tmp_path / "out").glob("try/2*/runs/*_a/qemu.cmd")
            for process in Path("/proc").glob("[0-9]*"):
                if str(command.parent).encode() in process.joinpath("cmdline").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)

    monkeypatch.setattr(Live, "observe", kill)
    command = ["run", "--no-plot", "--out", str(tmp_path / "out"), str(scenario_file(TWO))]
    assert cli.main(command) == 1
    latest = tmp_path / "out" / "try" / "latest"
    statuses = {run.meta["member"]: run.meta["status"] for run in results.read_experiment(latest).runs}
    assert statuses == {"a": "crashed", "b": "complete"}
    assert folder.read_meta(latest)["status"] == "crashed"
    assert cli.main([*command, "--resume"]) == 0
    assert [run.meta["status"] for run in results.read_experiment(latest).runs] == ["complete"] * 2


def test_a_guest_that_does_not_boot_stops_the_others(scenario_file: Write, tmp_path: Path) -> None:
    text = TWO.replace('[guest.machine]\nmemory = "96M"', '[guest.machine]\nmemory = "96M"\ncpu = "qemu64,+nothing"')
    assert cli.main(["run", "--no-plot", "--out", str(tmp_path / "out"), str(scenario_file(text))]) == 1
    runs = results.read_experiment(tmp_path / "out" / "try" / "latest").runs
    assert [run.meta["status"] for run in runs] == ["crashed"] * 2
    assert "another guest of this run did not boot" in runs[0].meta["reason"]


# ---- control groups ----


def test_no_cgroup_is_said_before_a_run(
    scenario_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cgroup.Cgroup.__init__, "__defaults__", (tmp_path,))
    text = TWO.replace('memory = "448M"', 'memory = "448M"\nenforce = "cgroup"')
    assert cli.main(["run", "--no-plot", "--out", str(tmp_path / "out"), str(scenario_file(text))]) == 2
    assert "has no memory controller for memory.max" in capsys.readouterr().err
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob("tide-experiment*"))


@pytest.mark.parametrize("version, name", [(1, "memory/tide/memory.limit_in_bytes"), (2, "tide/memory.max")])
def test_both_versions_of_cgroups(version: int, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the limit and the members are written; a folder plays the kernel's part."""
    if version == 1:
        (tmp_path / "memory").mkdir()
    mkdir = Path.mkdir

    def as_the_kernel_does(path: Path) -> None:
        mkdir(path)
        for file in ("memory.limit_in_bytes" if version == 1 else "memory.max", "cgroup.procs"):
            (path / file).touch()

    monkeypatch.setattr(Path, "mkdir", as_the_kernel_does)
    group = cgroup.Cgroup(MIB, tmp_path)
    group.add(123)
    assert (group.folder / Path(name).name).read_text() == str(MIB) and (group.folder / "cgroup.procs").read_text() == "123"
    assert group.folder.parent == (tmp_path / name).parent.parent


@pytest.fixture
def real_cgroup() -> None:
    try:
        cgroup.Cgroup(64 * MIB).remove()
    except cgroup.NoCgroup as error:
        pytest.skip(str(error))


def test_a_cgroup_limits(real_cgroup: None) -> None:
    """A process that takes more than the limit does not get it."""
    group = cgroup.Cgroup(48 * MIB)
    program = "import sys; sys.stdin.readline(); held = b'x' * (96 << 20); print(len(held))"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one:
        group.add(one.pid)
        said, _ = one.communicate("\n", timeout=300)
    group.remove()
    assert (one.returncode, said) == (-signal.SIGKILL, "") and not group.folder.exists()


def test_a_guest_in_a_cgroup(real_cgroup: None, scenario_file: Write, tmp_path: Path) -> None:
    """A guest that uses more than the host's memory ends there, as a crash."""
    text = TWO.replace('memory = "448M"', 'memory = "128M"\nenforce = "cgroup"').partition("[[guest]]")[0]
    (plan,) = plan_runs([scenario.read(scenario_file(text.replace('requested = "64M"', 'requested = "256M"')))])
    run = Run(plan, TideGuest(), tmp_path / "run")
    meta = run.do()
    run.company.close()
    assert meta["status"] == "crashed" and "steps" in meta["missing"][-1]

# SPDX-License-Identifier: BSD-2-Clause
"""What runs leave behind, read back: lines of both guests, traces, CSV; whole, cut off, and garbled."""

import json
import os
import random
from pathlib import Path

import pytest
from conftest import DATA
from tide.trace import parse_trace, read_trace
from tide_experiment import folder, guestlines, results
from tide_experiment.live import region_cells, sparkline
from tide_experiment.recorder import count_requests

MIB = 1 << 20
TIDE_LOG = (DATA / "tide-serial.log").read_text()
LINUX_LOG = (DATA / "linux-serial.log").read_text()


# ---- lines of the guests ----


def test_tide_log() -> None:
    view = guestlines.parse(TIDE_LOG)
    assert not view.garbled and not view.faults
    assert set(view.occupancy) == {"vmem0", "vmem1"}
    assert view.occupancy["vmem0"].block == 2 * MIB and view.occupancy["vmem1"].block == 128 * MIB
    assert view.occupancy["vmem0"].runs == "512u" and view.occupancy["vmem0"].usable is not None
    assert view.total and view.total.plugged == 0
    assert view.workload and view.workload.state == "idle" and view.workload.allocs == 256


def test_log_with_characters_twice() -> None:
    """A log as QEMU wrote it while its socket was full: some characters stand there twice."""
    view = guestlines.parse((DATA / "garbled-serial.log").read_text().replace("\r", ""))
    assert len(view.garbled) == 10
    assert view.occupancy["vmem0"].runs == "512u" and not view.faults


def test_linux_log() -> None:
    view = guestlines.parse(LINUX_LOG)
    one = view.occupancy["vmem0"]
    assert one.base == 1 << 32 and one.blocks == 1024 and one.usable is None
    assert sum(count for count, _ in guestlines.split_runs(one.runs)) == 1024
    assert view.done and view.done["kind"] == "random"


@pytest.mark.parametrize("log", [TIDE_LOG, LINUX_LOG], ids=["tide", "linux"])
def test_cut_off_anywhere(log: str) -> None:
    """The part that is there is read; a line that is cut is never taken for a whole one."""
    whole = {one.runs for one in _occupancies(log)}
    for end in range(0, len(log), 61):
        view = guestlines.parse(log[:end])
        assert {one.runs for one in view.occupancy.values()} <= whole


def _occupancies(log: str) -> list[guestlines.Occupancy]:
    found = []
    for line in log.splitlines():
        found += guestlines.parse(line + "\n").occupancy.values()
    return found


@pytest.mark.parametrize("line", [
    "occupancy: vmem0 base=0x0 block=2097152 blocks=4 used=0 runs=3u",  # one block is missing
    "occupancy: vmem0 base=0x0 block=2097152 blocks=4 used=0 runs=3u1z",
    "occupancy: vmem0 base=0x0 block=2097152 blocks=4 runs=4u",
    "occupancy: vmem0 base=zero block=2097152 blocks=4 used=0 runs=4u",
    "occupancy: total boot=1 boot_used=2 plugged=3",
    "workload: state=idle tick=0 held=",
    "workload: tick=0 held=0 target=0 allocs=0 frees=0 denied=0 checked=0",
])  # fmt: skip
def test_garbled_line(line: str) -> None:
    view = guestlines.parse("tide> " + line + "\n")
    assert view.garbled == ["tide> " + line]
    assert not view.occupancy and not view.total and not view.workload


def test_garbage_everywhere() -> None:
    """Bytes changed at random: nothing is raised, and what is believed still holds together."""
    chance = random.Random(7)
    for _ in range(200):
        text = list(TIDE_LOG)
        for _ in range(60):
            text[chance.randrange(len(text))] = chr(chance.randrange(1, 256))
        view = guestlines.parse("".join(text))
        for one in view.occupancy.values():
            assert len(guestlines.expand(one.runs)) == one.blocks


def test_fault_line() -> None:
    view = guestlines.parse("workload: error chunk=3 page=1 addr=0x1 found=0x0 expected=0x1\n")
    assert [fault.text for fault in view.faults] == ["error chunk=3 page=1 addr=0x1 found=0x0 expected=0x1"]


# ---- traces ----


def test_recorded_traces() -> None:
    busy = read_trace(DATA / "busy-trace.log")
    assert not busy.strange_lines
    columns = count_requests(busy.requests)
    assert (columns["plug"], columns["unplug"], columns["busy"], columns["ack"]) == (11, 1, 9, 3)
    two = read_trace(DATA / "two-devices-trace.log")
    own = two.between(0x100000000, 1 << 30)
    assert {request.kind for request in own} == {"plug", "unplug"}
    assert 0 < len(own) < len(two.requests)


def test_trace_without_its_end() -> None:
    text = (DATA / "busy-trace.log").read_text()
    for end in range(0, len(text), 5):
        columns = count_requests(parse_trace(text[:end]).requests)
        assert columns["no_reply"] <= 1
        assert columns["busy"] <= 9


# ---- run folders ----


def test_csv_without_its_end(tmp_path: Path) -> None:
    table = folder.CsvFile(tmp_path / "t.csv", ("a", "b"))
    table.add({"a": 1, "b": None})
    table.add({"a": 2, "b": "x,y"})
    table.close()
    text = (tmp_path / "t.csv").read_text()
    assert folder.read_csv(tmp_path / "t.csv") == [{"a": "1", "b": ""}, {"a": "2", "b": "x,y"}]
    (tmp_path / "t.csv").write_text(text[:-3])
    assert folder.read_csv(tmp_path / "t.csv") == [{"a": "1", "b": ""}]
    assert folder.read_csv(tmp_path / "none.csv") == []


def test_a_killed_run_says_so(tmp_path: Path) -> None:
    """A run whose process is gone counts as interrupted, and names what is missing."""
    (tmp_path / "serial.log").write_text("x")
    no_such_process = 2**22 + 1
    folder.write_json(tmp_path / "meta.json", {"status": "running", "pid": no_such_process})
    meta = folder.read_meta(tmp_path)
    assert meta["status"] == "interrupted"
    assert "steps.csv" in meta["missing"] and "serial.log" not in meta["missing"]
    folder.write_json(tmp_path / "meta.json", {"status": "running", "pid": os.getpid()})
    assert folder.read_meta(tmp_path)["status"] == "running"
    (tmp_path / "meta.json").write_text('{"status": "comp')
    assert folder.read_meta(tmp_path)["missing"] == ["meta.json"]


def test_medians_and_spread(experiment: Path) -> None:
    cells = results.cells(results.read_experiment(experiment))
    assert [(cell.guest, cell.label) for cell in cells] == [
        (guest, label) for label in ("grow", "shrink", "to <nothing>") for guest in ("tide", "linux")]  # fmt: skip
    grow = cells[0]
    assert grow.measures["settle_ms"] == results.Spread(10.0, 5.0, 15.0, 3)
    assert (grow.runs, grow.settled, grow.change) == (3, 3, 64 * MIB)
    last = cells[-1]
    assert last.settled == 0 and last.measures["settle_ms"] is None
    assert last.reached and last.reached.median == 8 * MIB


def test_results_of_broken_folders(experiment: Path) -> None:
    """Files that are missing or cut off take nothing else with them."""
    runs = sorted((experiment / "runs").iterdir())
    (runs[0] / "series.csv").unlink()
    (runs[1] / "steps.csv").write_text("step,label")
    (runs[2] / "meta.json").unlink()
    (experiment / "meta.json").write_text("{")
    read = results.read_experiment(experiment)
    assert len(read.runs) == 6
    results.write_steps(read)
    assert len(folder.read_csv(experiment / "steps.csv")) == 15
    with pytest.raises(ValueError, match="is not the folder of an experiment"):
        results.read_experiment(experiment / "runs")


def test_new_folders_and_the_latest(tmp_path: Path) -> None:
    first = folder.new_experiment(tmp_path, "x")
    second = folder.new_experiment(tmp_path, "x")
    assert first != second and first.exists()
    assert (tmp_path / "x" / "latest").resolve() == second.resolve()


def test_meta_is_whole_or_old(tmp_path: Path) -> None:
    folder.write_json(tmp_path / "meta.json", {"a": 1})
    assert json.loads((tmp_path / "meta.json").read_text()) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["meta.json"]


# ---- the terminal ----


def test_region_in_the_terminal() -> None:
    assert region_cells("4u4f", 8) == "uuuuffff"
    assert region_cells("4u4f", 4) == "uuff"
    assert region_cells("1C1e2u", 4) == "peuu"
    assert region_cells("2u2e", 1) == "e" and region_cells("1u3f", 1) == "p"
    assert len(region_cells("1000e", 64)) == 64


def test_sparkline() -> None:
    assert sparkline([0, 5, 10], 10, 8) == " ▄█" and sparkline([1, 2, 3], 3, 2)[-1] == "█"
    assert sparkline([1], 0, 5) == ""

# SPDX-License-Identifier: BSD-2-Clause
"""Whole runs in the real QEMU: each workload, each way to end, and Linux beside Tide."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable

import pytest
from conftest import MINIMAL, TREE
from tide.guest import Guest
from tide.linux import GuestMissing, LinuxFiles
from tide_experiment import cli, folder, guestlines, results, scenario
from tide_experiment.guests import LinuxGuest, TideGuest
from tide_experiment.live import Live
from tide_experiment.recorder import Moment
from tide_experiment.runner import Plan, Run, plan_runs

MIB = 1 << 20
Write = Callable[..., Path]

WORKLOADS = {
    "steady": "",
    "ramp": 'low = "8M"\nticks = 8\n',
    "sawtooth": 'low = "8M"\nperiod = 6\nticks = 12\n',
    "bursts": 'function = "8M"\nlife = 4\nticks = 40\n',
    "random": "occupancy = 30\nticks = 4\n",
    "verify": "ticks = 1\n",
}
HELD = {"steady": 32, "ramp": 32, "sawtooth": 8, "bursts": 0, "random": 9.5, "verify": 0}


def workload_scenario(kind: str, more: str, backend: str = "ram") -> str:
    return f"""\
title = "{kind}"
[[device]]
size = "128M"
backend = "{backend}"
[workload]
kind = "{kind}"
size = "32M"
chunk = "512K"
tick = "1ms"
{more}
[[step]]
requested = "64M"
[[step]]
workload = "start"
[[step]]
workload = "wait"
[[step]]
label = "more"
requested = "128M"
[[step]]
workload = "stop"
[[step]]
requested = "0"
[record]
guest_interval = "20ms"
"""


def do_run(path: Path, out: Path, observe: Any = None) -> tuple[dict[str, Any], results.RunResult]:
    (plan,) = plan_runs([scenario.read(path)])
    guest = TideGuest() if plan.guest == "tide" else LinuxGuest()
    run = out / plan.folder_name()
    meta = Run(plan, guest, run, observe).do()
    return meta, results.read_run(run)


@pytest.mark.parametrize("kind", WORKLOADS)
def test_workload(kind: str, scenario_file: Write, tmp_path: Path) -> None:
    """It runs to its end, holds what it says, and everything is recorded."""
    meta, run = do_run(scenario_file(workload_scenario(kind, WORKLOADS[kind])), tmp_path / "runs")
    assert (meta["status"], meta["missing"]) == ("complete", []), meta["reason"]
    assert [row["step"] for row in run.steps] == [0, 1, 2, 3, 4, 5]
    assert all(row["settled"] for row in run.steps)
    waited = run.steps[2]
    assert waited["workload_held"] == HELD[kind] * MIB
    assert waited["guest_used_after"] == HELD[kind] * MIB
    assert waited["workload_denied"] == 0
    checked = guestlines.parse((run.folder / "serial.log").read_text()).workload
    assert checked and checked.allocs == checked.frees > 0
    assert checked.checked == checked.allocs * 128 * (2 if kind == "verify" else 1)
    grown = run.steps[3]
    assert (grown["size_before"], grown["size_after"], grown["plug"], grown["ack"]) == (64 * MIB, 128 * MIB, 1, 1)
    assert grown["settle_ms"] > 0 and grown["instructions"] > 1000


def test_movable_chunks_make_room(scenario_file: Write, tmp_path: Path) -> None:
    """A shrink that no block is idle for: it settles, and the row says how many chunks moved for it."""
    text = workload_scenario("random", "occupancy = 40\nmovable = 100\n")
    text = text.replace('size = "32M"', 'size = "128M"').replace('requested = "64M"', 'requested = "128M"')
    shrink = text.replace('label = "more"\nrequested = "128M"', 'label = "half"\nrequested = "64M"')
    meta, run = do_run(scenario_file(shrink), tmp_path / "runs")
    assert meta["status"] == "complete", meta["reason"]
    assert [row["workload_moved"] for row in run.steps if row["step"] in (2, 3)][0] == 0
    half = run.steps[3]
    assert half["settled"] and half["size_after"] == 64 * MIB
    assert half["workload_moved"] > 20
    (cell,) = [cell for cell in results.cells(results.Experiment(tmp_path, {}, [run])) if cell.label == "half"]
    assert cell.measures["workload_moved"].median == half["workload_moved"]


def test_everything_is_recorded(scenario_file: Write, tmp_path: Path) -> None:
    meta, run = do_run(scenario_file(workload_scenario("steady", "")), tmp_path / "runs")
    assert not folder.missing_files(run.folder)
    assert "-device virtio-mem-pci" in (run.folder / "qemu.cmd").read_text()
    assert {"qemu", "tide", "image_sha256", "python"} <= set(meta["versions"])
    assert meta["host"]["processors"] == os.cpu_count()
    assert not (run.folder / "instructions").exists()
    first, last = run.series[0], run.series[-1]
    assert first["blocks"] == "64u" and last["blocks"] == "64u"
    assert max(row["size"] for row in run.series) == 128 * MIB
    assert max(row["guest_used"] or 0 for row in run.series) == 32 * MIB
    assert all(row["resident"] > MIB and row["cpu_s"] is not None for row in run.series)
    assert any(row["usable"] for row in run.series)
    instructions = [row["instructions"] for row in run.series]
    assert instructions == sorted(instructions) and instructions[0] > 0


def test_wrong_page_fails_the_run(scenario_file: Write, tmp_path: Path) -> None:
    """The host changes one byte of what the guest holds: the guest finds it, and the run has failed."""

    spoilt = []

    def spoil(plan: Plan, moment: Moment, step: int, monitor: Guest) -> None:
        if step == 3 and not spoilt:
            spoilt.append(moment)
            (memory,) = (tmp_path / "runs").glob("*/vmem0.mem")
            with open(memory, "r+b") as file:
                file.seek(5 * 4096)
                byte = file.read(1)[0]
                file.seek(5 * 4096)
                file.write(bytes([byte ^ 0xFF]))

    path = scenario_file(workload_scenario("steady", "", "file"))
    meta, run = do_run(path, tmp_path / "runs", spoil)
    assert meta["status"] == "failed" and "workload: error chunk=" in meta["reason"]
    assert any("steps" in missing for missing in meta["missing"])
    assert not list(run.folder.glob("*.mem")), "the backend's file is not kept"


def test_dead_qemu_is_a_crash(scenario_file: Write, tmp_path: Path) -> None:
    """Earlier records stay, and meta.json says what is missing."""

    def kill(plan: Plan, moment: Moment, step: int, monitor: Guest) -> None:
        if step == 2:
            os.kill(run_under_test.qemu.process.pid, signal.SIGKILL)

    (plan,) = plan_runs([scenario.read(scenario_file(workload_scenario("steady", "")))])
    run_under_test = Run(plan, TideGuest(), tmp_path / "run", kill)
    meta = run_under_test.do()
    assert meta["status"] == "crashed" and meta["missing"] == ["steps 2 to 5"]
    run = results.read_run(tmp_path / "run")
    assert [row["step"] for row in run.steps] == [0, 1] and run.meta == meta
    assert len(run.series) > 3


def test_interrupt(scenario_file: Write, tmp_path: Path) -> None:
    """^C in the middle: status 130, the run says interrupted, later runs are not begun."""
    text = workload_scenario("steady", "").replace('requested = "128M"', 'requested = "128M"\nhold = "1000s"')
    path = scenario_file(text.replace('"steady"\n[[device]]', '"steady"\nrepetitions = 2\n[[device]]', 1))
    command = [sys.executable, TREE / "tools/experiment", "run", "--out", tmp_path / "out", "--no-plot", path]
    program = subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A job in the background of a script inherits ^C ignored: here it is to be heard.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    latest = tmp_path / "out" / "try" / "latest"
    run = latest / "runs" / "tide_seed1_1"
    deadline = time.monotonic() + 300
    while not [row for row in folder.read_csv(run / "series.csv") if row["step"] == "3"]:
        assert time.monotonic() < deadline and program.poll() is None
        time.sleep(0.05)
    program.send_signal(signal.SIGINT)
    _, errors = program.communicate(timeout=300)
    assert program.returncode == 130 and "interrupted: what was done is in" in errors
    meta = json.loads((run / "meta.json").read_text())
    assert (meta["status"], meta["reason"], meta["missing"]) == ("interrupted", "by the user", ["steps 3 to 5"])
    assert json.loads((latest / "meta.json").read_text())["status"] == "interrupted"
    assert len(list((latest / "runs").iterdir())) == 1
    assert len(folder.read_csv(latest / "steps.csv")) == 3


def test_several_runs_at_once(scenario_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With two jobs, two machines run at a time, and never three; every run is as whole as one alone."""
    path = scenario_file(workload_scenario("steady", "").replace('"steady"\n', '"steady"\nrepetitions = 3\n', 1))
    together: list[int] = []
    waited: set[int] = set()
    met = threading.Barrier(2)

    def observe(live: Live, plan: Plan, moment: Moment, step: int, monitor: Guest) -> None:
        together.append(len(live.shown))
        if plan.repetition < 3 and plan.repetition not in waited:
            waited.add(plan.repetition)
            met.wait(300)  # neither of the first two goes on before the other is there

    monkeypatch.setattr(Live, "observe", observe)
    out = tmp_path / "out"
    assert cli.main(["run", "--no-plot", "--jobs", "2", "--out", str(out), str(path)]) == 0
    experiment = results.read_experiment(out / "try" / "latest")
    assert [run.meta["status"] for run in experiment.runs] == ["complete"] * 3
    assert max(together) == 2


def test_resume(scenario_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is complete stays, what is not is done again; other scenarios, images and an empty folder are refused."""
    path, out = scenario_file(MINIMAL.replace('"Try"\n', '"Try"\nrepetitions = 2\n')), tmp_path / "out"
    command = ["run", "--no-plot", "--out", str(out), str(path)]
    assert cli.main([*command, "--resume"]) == 2
    assert "there are no results of try" in capsys.readouterr().err
    assert cli.main(command) == 0
    latest = (out / "try" / "latest").resolve()
    first, second = (latest / "runs" / f"tide_seed1_{number}" for number in (1, 2))
    kept = (first / "serial.log").stat().st_mtime_ns
    folder.write_json(second / "meta.json", folder.read_meta(second) | {"status": "interrupted"})
    (second / "left-over").touch()
    assert cli.main([*command, "--resume"]) == 0
    assert (out / "try" / "latest").resolve() == latest
    assert [folder.read_meta(run)["status"] for run in (first, second)] == ["complete"] * 2
    assert (first / "serial.log").stat().st_mtime_ns == kept and not (second / "left-over").exists()
    assert cli.main([*command, "--resume"]) == 0
    assert "every run is complete" in capsys.readouterr().out
    assert cli.main([*command, "--resume", "--repetitions", "3"]) == 2
    assert "is of another scenario or other repetitions" in capsys.readouterr().err
    other = folder.read_meta(first)
    other["versions"]["image_sha256"] = "0"
    folder.write_json(first / "meta.json", other)
    assert cli.main([*command, "--resume"]) == 2
    assert "was done with image_sha256 0, now it is" in capsys.readouterr().err


def test_dry_run_runs_nothing(scenario_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compare", "--dry-run", "--repetitions", "3", "--jobs", "2", "--out", str(tmp_path / "out")]
    assert cli.main([*command, str(scenario_file())]) == 0
    said = capsys.readouterr().out
    assert "6 runs: 1 variants x 1 seeds x 3 repetitions x 2 guests; 2 steps each; about 27 s, at most 3 min" in said
    assert [line.strip() for line in said.splitlines() if "seed1" in line][:2] == ["tide_seed1_1", "linux_seed1_1"]
    assert not (tmp_path / "out").exists()


def test_own_kernel_and_initrd(scenario_file: Write, tmp_path: Path) -> None:
    """The command line's files come before the scenario's, and these before the built ones."""
    built = tmp_path / "built"
    for name in ("built/vmlinuz", "built/initrd.gz", "built/version", "mine", "other", "ram"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    path = scenario_file('guest = "linux"\n' + MINIMAL + '[linux]\nkernel = "mine"\n')
    (variant,) = scenario.read(path).variants
    boot = LinuxGuest(built).boot(variant)
    assert (boot.kernel, boot.extra) == (tmp_path / "mine", ["-initrd", str(built / "initrd.gz")])
    guest = LinuxGuest(built, kernel=tmp_path / "other", initrd=tmp_path / "ram")
    boot = guest.boot(variant)
    assert (boot.kernel, boot.extra) == (tmp_path / "other", ["-initrd", str(tmp_path / "ram")])
    assert guest.versions(variant)["other_sha256"] == folder.fingerprint(tmp_path / "other")
    (tmp_path / "mine").unlink()
    with pytest.raises(GuestMissing, match="mine: expected a kernel image"):
        LinuxGuest(built).boot(variant)


def test_a_step_that_cannot_settle(scenario_file: Write, tmp_path: Path) -> None:
    """Memory in use is not given back: the step says so, and the run goes on."""
    text = workload_scenario("steady", "").replace(
        'label = "more"\nrequested = "128M"', 'label = "less"\nrequested = "0"\ntimeout = "300ms"'
    )

    def wait_for_a_part(plan: Plan, moment: Moment, step: int, monitor: Guest) -> None:
        if step == 3:
            run_under_test.qemu.wait_for(lambda: run_under_test.qemu.requested("vmem0") > 0
                                         or run_under_test.qemu.size("vmem0") < 64 * MIB, "free blocks to go")  # fmt: skip

    (plan,) = plan_runs([scenario.read(scenario_file(text))])
    run_under_test = Run(plan, TideGuest(), tmp_path / "run", wait_for_a_part)
    meta = run_under_test.do()
    run = results.read_run(tmp_path / "run")
    assert meta["status"] == "complete"
    less = run.steps[3]
    assert (less["settled"], less["settle_ms"]) == (0, None)
    assert 32 * MIB <= less["size_after"] < 64 * MIB
    assert run.steps[5]["size_after"] == 0


def test_busy_while_migrating(scenario_file: Write, tmp_path: Path) -> None:
    text = (TREE / "experiments/busy.toml").read_text().replace('hold = "3s"', 'hold = "500ms"')

    def wait_for_busy(plan: Plan, moment: Moment, step: int, monitor: Guest) -> None:
        """The step goes on until two requests were answered so, however slow the machine."""
        qemu = run_under_test.qemu
        if step == 1 and qemu.requested("vmem0") == 1024 * MIB:
            qemu.wait_for(lambda: [r.reply for r in qemu.trace().requests].count("busy") >= 2, "two BUSY")

    (plan,) = plan_runs([scenario.read(scenario_file(text))])
    run_under_test = Run(plan, TideGuest(), tmp_path / "run", wait_for_busy)
    meta = run_under_test.do()
    run = results.read_run(tmp_path / "run")
    assert meta["status"] == "complete", meta["reason"]
    assert run.steps[1]["busy"] >= 2 and not run.steps[1]["settled"]
    assert run.steps[2]["settled"] and run.steps[2]["ack"] >= 1, "after BUSY a part is asked for at a time"


def test_two_devices_have_rows_of_their_own(scenario_file: Write, tmp_path: Path) -> None:
    text = """\
title = "two"
[[device]]
size = "64M"
[[device]]
size = "256M"
block = "8M"
node = 1
[[step]]
requested = { vmem0 = "64M", vmem1 = "128M" }
[[step]]
requested = { vmem1 = "0" }
"""
    meta, run = do_run(scenario_file(text), tmp_path / "runs")
    assert meta["status"] == "complete", meta["reason"]
    columns = ("step", "device", "asked", "plug", "unplug", "size_after")
    rows = [tuple(row[name] for name in columns) for row in run.steps]
    assert rows == [
        (0, "vmem0", 1, 1, 0, 64 * MIB), (0, "vmem1", 1, 1, 0, 128 * MIB),
        (1, "vmem0", 0, 0, 0, 64 * MIB), (1, "vmem1", 1, 0, 1, 0),
    ]  # fmt: skip


OWN_INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t tmpfs mine /mem
for module in virtio_pci virtio_mem; do /bin/busybox modprobe $module; done
exec /mine/program </dev/ttyS0 >/dev/ttyS0 2>&1
"""


def own_initrd(files: Path, program: Path, folder: Path) -> Path:
    """An initrd as a user may make it of the distribution's packages, by busybox's cpio and depmod."""
    (busybox,) = files.glob("busybox-static_*/bin/busybox")
    (modules,) = files.glob("linux-image-*/lib/modules/*")
    for name in ("bin", "dev", "proc", "mem", "mine"):
        (folder / name).mkdir(parents=True)
    shutil.copy(busybox, folder / "bin/busybox")
    shutil.copy(program, folder / "mine/program")
    shutil.copytree(modules / "kernel/drivers/virtio", folder / "lib/modules" / modules.name / "virtio")
    (folder / "init").write_text(OWN_INIT)
    (folder / "init").chmod(0o755)
    subprocess.run([busybox, "depmod", "-b", folder, modules.name], check=True)
    names = "\n".join(str(path.relative_to(folder)) for path in sorted(folder.rglob("*")))
    packed = subprocess.run([busybox, "cpio", "-o", "-H", "newc"], cwd=folder, input=names.encode(), capture_output=True, check=True)
    archive = folder.parent / "mine.cpio"
    archive.write_bytes(packed.stdout)
    return archive


def test_own_linux(scenario_file: Write, tmp_path: Path, linux_files: LinuxFiles) -> None:
    """A kernel and an initrd that were made apart from tools/linux-guest, but for the program that talks to the tool."""
    cache = linux_files.kernel.parent / "cache"
    (kernel,) = cache.glob("linux-image-*/boot/vmlinuz-*")
    initrd = own_initrd(cache, linux_files.kernel.parent / "guest", tmp_path / "root")
    path, out = scenario_file('guest = "linux"\n' + MINIMAL), tmp_path / "out"
    assert cli.main(["run", "--no-plot", "--kernel", str(kernel), "--initrd", str(initrd), "--out", str(out), str(path)]) == 0
    (run,) = results.read_experiment(out / "try" / "latest").runs
    assert (run.meta["status"], run.steps[0]["size_after"]) == ("complete", run.steps[0]["requested"])
    assert run.meta["versions"]["mine.cpio_sha256"] == folder.fingerprint(initrd)


def test_compare_with_linux(
    scenario_file: Write, tool: Callable[..., Any], tmp_path: Path, linux_files: LinuxFiles
) -> None:
    """Tide and Linux on the same machine and schedule: one table, one plot, runs that take turns."""
    text = workload_scenario("random", "occupancy = 30\n")
    path = scenario_file(text.replace('requested = "0"', 'requested = "96M"\n[[step]]\nrequested = "0"'))
    done = tool("experiment", "compare", "--out", tmp_path / "out", path)
    assert done.returncode == 0, done.stdout + done.stderr
    latest = (tmp_path / "out" / "try-compare" / "latest").resolve()
    experiment = results.read_experiment(latest)
    assert [run.guest for run in experiment.runs] == ["tide", "linux"]
    cells = {(cell.guest, cell.label): cell for cell in results.cells(experiment)}
    more = {guest: cells[guest, "more"].measures["instructions"] for guest in ("tide", "linux")}
    assert more["linux"].median > 10 * more["tide"].median
    held = {run.guest: run.steps[2]["workload_held"] for run in experiment.runs}
    assert held["tide"] == held["linux"] > 0
    assert "linux" in done.stdout and ">Linux</text>" in (latest / "time.svg").read_text()
    assert '<td class="text">linux' in (latest / "report.html").read_text()


def test_missing_guest_is_said_at_once(scenario_file: Write, tool: Callable[..., Any], tmp_path: Path) -> None:
    path = scenario_file(workload_scenario("steady", ""))
    no_image = tool("experiment", "run", "--image", tmp_path / "no.elf", "--out", tmp_path, path)
    assert no_image.returncode == 2 and "no.elf: run `make` first" in no_image.stderr
    no_linux = tool("experiment", "compare", "--linux", tmp_path, "--out", tmp_path, path)
    assert no_linux.returncode == 2 and "run tools/linux-guest first" in no_linux.stderr


def test_what_the_pictures_need_is_asked_before_a_run(
    scenario_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else there(name))
    for verb in ("run", "plot"):
        assert cli.main([verb, "--out", str(tmp_path / "out"), str(scenario_file())]) == 2
        assert "python3-matplotlib: run `tools/setup experiments`" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option, value, words", [
    ("--repetitions", "0", "'0' is no such number; expected 1 or more"),
    ("--repetitions", "-1", "'-1' is no such number; expected 1 or more"),
    ("--figures", "/no/folder", "'/no/folder' is no folder; expected one with pictures to renew"),
])  # fmt: skip
def test_wrong_options(scenario_file: Write, tool: Callable[..., Any], option: str, value: str, words: str) -> None:
    done = tool("experiment", "run", f"{option}={value}", scenario_file())
    assert done.returncode == 2 and words in done.stderr


def test_only_make_figures_changes_the_tree() -> None:
    """`make experiments` writes below O alone."""
    for target, changes in (("experiments", False), ("figures", True)):
        told = subprocess.run(["make", "-n", target], cwd=TREE, capture_output=True, text=True, timeout=60)
        assert told.returncode == 0 and "tools/experiment run" in told.stdout
        assert ("docs/figures" in told.stdout) == changes

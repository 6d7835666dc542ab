# SPDX-License-Identifier: BSD-2-Clause
"""Policies: each rule on tables of readings, what bounds every one of them, and real machines that are steered."""

import itertools
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

import pytest
from conftest import BUILD, TREE
from tide.linux import LinuxFiles, LinuxMonitor, command_line
from tide.machine import Machine, MemDevice
from tide.qemu import Qemu
from tide_experiment import results, scenario
from tide_experiment.checker import ScenarioError, read_policy
from tide_experiment.controller import Controller, decision_row
from tide_experiment.folder import read_csv
from tide_experiment.guests import TideGuest
from tide_experiment.policy import Host, Reading, State, decide
from tide_experiment.runner import Run, plan_runs
from tide_experiment.steering import share_out

MIB = 1 << 20
Write = Callable[..., Path]
HOST = Host(8192 * MIB, 4096 * MIB)


def policy(tmp_path: Path, text: str) -> dict[str, Any]:
    path = tmp_path / "policy.toml"
    path.write_text(f"[policy]\n{text}\n")
    return read_policy(path)


def reading(used: int | None, requested: int = 1024, size: int | None = None, age: float | None = 0.5) -> Reading:
    """A guest of 256 MiB boot memory and up to 2 GiB, in MiB."""
    return Reading("vm", (requested if size is None else size) * MIB, requested * MIB,
                   None if used is None else used * MIB, age, base=256 * MIB, most=2048 * MIB, block=2 * MIB)  # fmt: skip


BAND = 'kind = "band"\ngrow_below = 20\nshrink_above = 40\nstep = "128M"'
MOM = 'kind = "mom"\nchange = 5'
TARGET = 'kind = "target"\nreserve = "100M"\nslack = "20M"\nquiet = "5s"\nstep = "64M"\ndoubt = 2'

# The policy, what was read, the host's free percent; the branch and the size in MiB.
ONE_DECISION = [
    (BAND, reading(700), 50, "keep", 1024),
    (BAND, reading(900), 50, "grow", 1152),
    (BAND, reading(1100), 50, "grow", 1152),  # more is used than is requested: a shrink that went too far
    (BAND, reading(300), 50, "shrink", 896),
    (BAND, reading(600), 50, "shrink", 896),
    (BAND, reading(212, 360), 50, "shrink", 304),  # not beyond the middle, 30 percent unused
    (BAND, reading(10, 256), 50, "limit", 256),  # the boot memory stays
    (BAND, reading(2000, 2048), 50, "limit", 2048),
    (BAND, reading(1700, 2000), 50, "grow", 2048),
    (BAND, reading(300, age=3.1), 50, "stale", 1024),
    (BAND, reading(900, age=3.1), 50, "grow", 1152),  # to grow on old statistics does no harm
    (BAND, reading(None, age=None), 50, "stale", 1024),
    (BAND, reading(10, 256, age=3.1), 50, "stale", 256),
    (BAND + '\nmost = "600M"', reading(900, age=3.1), 50, "limit", 1024),
    (BAND, reading(900, 1152, 1024), 50, "keep", 1152),  # the step before is still on its way
    (BAND + '\nleast = "1001M"', reading(100), 50, "shrink", 1002),
    (BAND + '\nmost = "1029M"', reading(900), 50, "grow", 1028),
    (MOM, reading(500), 50, "relax", 1076),
    (MOM, reading(1000), 50, "relax", 1206),  # used and a fifth, though that is more than a twentieth
    (MOM, reading(500), 10, "pressure", 974),
    (MOM, reading(950), 10, "keep", 1024),  # used and a tenth are more than it has: it is not the one to give
    (MOM, reading(910), 10, "pressure", 1014),
    (MOM, reading(1020), 3, "critical", 1000),  # less than it uses
    (MOM, reading(500, age=4), 3, "stale", 1024),
    (MOM, reading(500, 2048), 50, "limit", 2048),
    (MOM + "\nsmallest = 10", reading(500), 50, "keep", 1024),
    (TARGET, reading(1000), 50, "grow", 1100),
    (TARGET, reading(915), 50, "keep", 1024),
    (TARGET, reading(300), 50, "shrink", 960),
    (TARGET, reading(880), 50, "shrink", 980),
    (TARGET, reading(300, age=9), 50, "doubt", 1024),
    (TARGET, reading(None, age=None), 50, "doubt", 1024),
    (TARGET, reading(3000), 50, "doubt", 1024),  # more than there is
]  # fmt: skip


@pytest.mark.parametrize("text, one, free, branch, size", ONE_DECISION)
def test_one_decision(tmp_path: Path, text: str, one: Reading, free: float, branch: str, size: int) -> None:
    host = Host(1000 * MIB, int(10 * free) * MIB)
    decision, _ = decide(policy(tmp_path, text), one, host, State(), 100.0)
    assert (decision.branch, decision.size) == (branch, size * MIB), str(decision)


@pytest.mark.parametrize("text", [BAND, MOM, TARGET, 'kind = "script"\ncommand = "echo \'{\\"size\\": 0}\'"'])
def test_nothing_shrinks_on_a_stale_reading(tmp_path: Path, text: str) -> None:
    """Whatever is used, whatever the host has free, whatever the size is now."""
    rules = policy(tmp_path, text)
    rules = rules | {"most": 512 * MIB}
    for age in (3.01, 60.0, None):
        for used in (0, 100, 1000, 1900, None):
            for requested in (258, 1024, 2048):
                for free in (1, 10, 90):
                    decision, _ = decide(rules, reading(used, requested, age=age), Host(100, free), State(), 1.0)
                    assert decision.size >= requested * MIB, str(decision)


def test_target_over_time(tmp_path: Path) -> None:
    """It grows at once, waits until nothing has grown for the quiet window, gives back by steps, and is latched by doubt."""
    rules, state, requested, told = policy(tmp_path, TARGET), State(), 512, []
    for now, used, age in (
        (0, 500, 0), (1, 300, 0), (4, 300, 0), (6, 300, 0), (7, 300, 0), (8, 300, 9), (9, 300, 0), (10, 300, 0),
        (11, 300, 0), (12, 400, 0), (13, 300, 0),
    ):  # fmt: skip
        decision, state = decide(rules, reading(used, requested, age=age), HOST, state, now)
        requested = decision.size // MIB
        told.append((decision.branch, requested))
    assert told == [
        ("grow", 600), ("quiet", 600), ("quiet", 600), ("shrink", 536), ("shrink", 472), ("doubt", 472), ("latched", 472),
        ("latched", 472), ("shrink", 408), ("grow", 500), ("quiet", 500),
    ]  # fmt: skip


SCRIPT = """\
import json, sys
question = json.load(sys.stdin)
guest = question["guest"]
size = guest["used"] + (300 << 20)
print(json.dumps({"size": size, "why": f"{guest['guest']} stale={question['stale']} free={question['host']['free']}"}))
"""


@pytest.mark.parametrize("command, branch, size, why", [
    (f"{sys.executable} rule.py", "script", 800, "vm stale=False free=4294967296"),
    ("echo '{\"size\": \"1G\"}'", "limit", 1024, "script"),
    ("echo no", "failed", 1024, 'expected {"size": BYTES}'),
    ("echo '{}'", "failed", 1024, 'expected {"size": BYTES}'),
    ("echo '[1]'", "failed", 1024, 'expected {"size": BYTES}'),
    ("echo '{\"size\": \"much\"}'", "failed", 1024, "'much' is not a size"),
    ("echo it broke >&2; exit 3", "failed", 1024, "status 3: it broke"),
    ("sleep 600", "failed", 1024, "no answer within 0.2 s"),
])  # fmt: skip
def test_script(tmp_path: Path, command: str, branch: str, size: int, why: str) -> None:
    (tmp_path / "rule.py").write_text(SCRIPT)
    text = f"kind = \"script\"\ncommand = '''{command}'''\ntimeout = \"{'200ms' if 'sleep' in command else '60s'}\""
    decision, _ = decide(policy(tmp_path, text), reading(500), HOST, State(), 1.0)
    assert (decision.branch, decision.size // MIB) == (branch, size) and why in decision.why, str(decision)


def test_budget(tmp_path: Path) -> None:
    """Guests never have more together than there is, and what one has not given back yet is not another's."""
    controller = Controller(policy(tmp_path, BAND), 2048 * MIB)
    first = replace(reading(900), guest="first")
    second = replace(reading(900, 960), guest="second")
    controller.join(second)
    decision = controller.decide(first, 0)
    assert (decision.branch, decision.size // MIB) == ("budget", 1088)
    decision = controller.decide(second, 0)
    assert (decision.branch, decision.size // MIB) == ("budget", 960)
    shrunk = controller.decide(replace(first, requested=decision_size(first, 1088), used=300 * MIB), 1)
    assert shrunk.size // MIB == 960
    held = replace(first, requested=shrunk.size, size=1088 * MIB, used=650 * MIB)
    controller.decide(held, 2)
    assert controller.decide(second, 2).size // MIB == 960, "the first one has its memory still"
    controller.decide(replace(held, size=960 * MIB), 3)
    assert controller.decide(second, 3).size // MIB == 1088
    assert decision.host == Host(2048 * MIB, 2048 * MIB)


def decision_size(one: Reading, mib: int) -> int:
    assert one.size <= mib * MIB
    return mib * MIB


def test_a_decision_is_a_line(tmp_path: Path) -> None:
    decision, _ = decide(policy(tmp_path, BAND), reading(300), HOST, State(), 1.0)
    assert str(decision) == ("vm: used=300M age=0.5s size=1G requested=1G host_free=50% branch=shrink result=896M "
                             "(unused=71%)")  # fmt: skip
    row = decision_row(1.5, decision)
    assert (row["guest"], row["branch"], row["result"], row["time_s"]) == ("vm", "shrink", 896 * MIB, "1.5000")


def test_share_out() -> None:
    assert share_out(5, {"a": 3, "b": 4}) == {"a": 3, "b": 2}
    assert share_out(0, {"a": 3, "b": 4}) == {"a": 0, "b": 0}


@pytest.mark.parametrize("text, words", [
    ("[policy]\nkind = 'bnd'\n", "policy.kind = \"bnd\"\n    allowed: one of \"band\", \"mom\", \"target\", \"script\""),
    ("[policy]\nstep = '1M'\n", "'kind' is missing in [policy]"),
    ("[policy]\nkind = 'band'\nreserve = '1M'\n", "unknown key 'reserve' in [policy]"),
    ("[policy]\nkind = 'band'\ngrow_below = 101\n", "policy.grow_below = 101\n    allowed: a number from 0 to 100"),
    ("[policy]\nkind = 'band'\ngrow_below = 50\n", "grow_below = 50\n    allowed: less than shrink_above, which is 40"),
    ("[policy]\nkind = 'band'\nleast = '2G'\nmost = '1G'\n", "least = \"2G\"\n    allowed: less than most"),
    ("[policy]\nkind = 'script'\n", "'command' is missing in [policy]"),
    ("title = 'x'\n", "no [policy]"),
    ("[policy\n", "TOML"),
])  # fmt: skip
def test_wrong_policies(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        read_policy(path)
    assert words in str(caught.value)


# ---- real machines ----

STEERED = """\
title = "steered"
[machine]
memory = "128M"
[[device]]
size = "512M"
[workload]
kind = "steady"
size = "300M"
chunk = "1M"
tick = "1ms"
[policy]
period = "50ms"
stale = "5min"
step = "64M"
least = "200M"
kind = "KIND"
MORE
[[step]]
requested = "128M"
[[step]]
workload = "start"
hold = "100ms"
[[step]]
workload = "wait"
timeout = "5min"
[[step]]
label = "free"
workload = "stop"
hold = "3s"
[record]
guest_interval = "50ms"
"""


@pytest.mark.parametrize("kind, more", [("band", ""), ("target", 'quiet = "100ms"\nreserve = "64M"')])
def test_tide_is_steered(kind: str, more: str, scenario_file: Write, tmp_path: Path) -> None:
    """Tide gets what its workload needs and the host gets it back, and each decision is on record."""
    path = scenario_file(STEERED.replace("KIND", kind).replace("MORE", more))
    (plan,) = plan_runs([scenario.read(path)])
    meta = Run(plan, TideGuest(), tmp_path / "run").do()
    assert meta["status"] == "complete", meta["reason"]
    run = results.read_run(tmp_path / "run")
    assert run.steps[2]["workload_held"] == 300 * MIB, "it had room for all of it in the end"
    decisions = read_csv(tmp_path / "run" / "decisions.csv")
    branches = [row["branch"] for row in decisions]
    assert "grow" in branches and branches.index("grow") < len(branches) - branches[::-1].index("shrink")
    for row in decisions:
        assert int(row["used"]) >= 0 and float(row["age_s"]) < 300 and int(row["host_total"]) > 0
        if row["branch"] == "grow":
            assert int(row["result"]) > int(row["requested"])
    sizes = [row["size"] for row in run.series]
    assert max(sizes) > 160 * MIB and sizes[-1] == 72 * MIB  # `least`, less the boot memory


@pytest.mark.parametrize("guest", ["tide", "linux"])
def test_resize_auto(guest: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Any QEMU with a balloon: grows and shrinks the guest by its own statistics, and never while it does not answer."""
    policy_file = tmp_path / "policy.toml"
    policy_file.write_text('[policy]\nkind = "band"\nperiod = "100ms"\nstale = "15s"\nstep = "256M"\n')
    machine = Machine(
        BUILD / "tide.elf", memory=512 * MIB, devices=[MemDevice(size=1024 * MIB, requested=256 * MIB, reserve=False)],
        extra=["-device", "virtio-balloon-pci,id=balloon0"],
    )  # fmt: skip
    if guest == "linux":
        files: LinuxFiles = request.getfixturevalue("linux_files")
        machine.kernel, machine.append = files.kernel, command_line(False, "online_movable")
        machine.extra += ["-initrd", str(files.initrd)]
    socket = tmp_path / "qmp.sock"
    command = [sys.executable, str(TREE / "tools/resize"), "-s", str(socket), "auto", "--json", "--policy", str(policy_file)]
    with Qemu(machine, tmp_path / "qemu", qmp_path=socket) as qemu:
        monitor = LinuxMonitor(qemu.guest.console) if guest == "linux" else qemu.guest
        monitor.wait_ready()

        def wait_for(program: "subprocess.Popen[str]", branch: str) -> dict[str, Any]:
            assert program.stdout
            for line in itertools.islice(program.stdout, 3000):
                decision: dict[str, Any] = json.loads(line)
                assert decision["branch"] != "shrink" or float(decision["age_s"]) <= 15
                if decision["branch"] == branch:
                    return decision
            raise AssertionError(f"no {branch}")

        with subprocess.Popen([*command, "--dry-run"], stdout=subprocess.PIPE, text=True) as program:
            try:
                assert wait_for(program, "shrink")["result"] < 768 * MIB
            finally:
                program.terminate()
        assert qemu.requested("vmem0") == 256 * MIB, "a dry run requests nothing"
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
            try:
                assert wait_for(program, "shrink")["used"] > 0
                monitor.command("workload steady seed=1 size=600M chunk=1M tick=20", 300)
                grown = wait_for(program, "grow")
                qemu.wait_for(lambda: qemu.requested("vmem0") >= grown["result"] - 512 * MIB, "it to be requested")
                monitor.command("workload stop", 300)
                wait_for(program, "shrink")
                at_least = wait_for(program, "limit")  # so that the last reading before the stop still asks for a shrink
                assert at_least["result"] == 512 * MIB
                qemu.qmp.execute("stop")
                assert float(wait_for(program, "stale")["age_s"]) > 15
                qemu.qmp.execute("cont")
            finally:
                program.terminate()
        assert qemu.qmp.get("balloon0", "guest-stats-polling-interval") == 0, "as it was before"


def test_resize_auto_says_what_it_needs(tmp_path: Path, tool: Callable[..., Any]) -> None:
    policy_file, socket = tmp_path / "policy.toml", tmp_path / "qmp.sock"
    policy_file.write_text('[policy]\nkind = "band"\n')
    with Qemu(Machine(BUILD / "tide.elf", extra=["-S"]), tmp_path / "qemu", qmp_path=socket):
        lacking = tool("resize", "-s", socket, "auto", "--policy", policy_file)
        assert lacking.returncode == 2 and "has no balloon" in lacking.stderr and "virtio-balloon-pci" in lacking.stderr
        policy_file.write_text('[policy]\nkind = "bond"\n')
        wrong = tool("resize", "-s", socket, "auto", "--policy", policy_file)
        assert wrong.returncode == 2 and 'policy.toml:2: policy.kind = "bond"' in wrong.stderr
        missing = tool("resize", "-s", socket, "auto", "--policy", tmp_path / "none.toml")
        assert missing.returncode == 1 and "none.toml" in missing.stderr

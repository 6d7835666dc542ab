# SPDX-License-Identifier: BSD-2-Clause
"""Jobs of the monitor: no job keeps the devices, the power button or the next command waiting for ever."""

import re

import pytest
from helpers import Boot, resize
from test_smp import wait_cpus
from tide.machine import MemDevice
from tide.qemu import Qemu
from tide.units import GIB, MIB

ENDLESS = 10**18  # pairs: nobody waits for so many
LONG_SECONDS = 200.0
CTRL_C = "\x03"

# what runs without end in the foreground -> a pattern of what it says when it is stopped
FOREGROUND = {
    f"bench hot 0 {ENDLESS}": r"error: bench: stopped by Ctrl-C\nbench: hot order=0 cpus=1 pairs=\d+ failed=0 ",
    f"bench bulk 9 {ENDLESS} 4": r"error: bench: stopped by Ctrl-C\nbench: bulk order=9 cpus=4 pairs=\d+ failed=",
    f"bench random 0 {ENDLESS} 2": r"error: bench: stopped by Ctrl-C\nbench: random order=0 cpus=2 pairs=\d+ failed=0 ",
    "wait": r"error: wait: stopped by Ctrl-C\n",
}


def start(boot: Boot) -> Qemu:
    """A machine of four processors with memory plugged."""
    qemu = boot(MemDevice("vmem0", size=GIB), cpus=4)
    wait_cpus(qemu, 4)
    resize(qemu, "vmem0", 256 * MIB)
    return qemu


def follow(qemu: Qemu, size: int) -> None:
    """A resize, while a job keeps the prompt: no `stats check` can be typed."""
    mark = qemu.guest.console.mark()
    qemu.set_requested("vmem0", size)
    qemu.guest.console.wait(rf"^vmem0: settled requested={size} plugged={size} ", mark, LONG_SECONDS)
    assert qemu.size("vmem0") == size


def launch(qemu: Qemu, line: str) -> int:
    """Type a command until it has begun; the place before it. `wait` gets something to wait for."""
    if line == "wait":
        qemu.guest.command("alloc 100M")
        mark = qemu.guest.console.mark()
        qemu.set_requested("vmem0", 0)
        qemu.guest.console.wait(r"in use", mark)
    mark = qemu.guest.send(line)
    qemu.guest.console.wait(rf"{line}\n", mark)
    return mark


def stop(qemu: Qemu, mark: int, said: str) -> None:
    qemu.guest.console.send(CTRL_C)
    qemu.guest.console.wait(rf"^\^C\n{said}", mark, LONG_SECONDS)
    assert qemu.guest.command("jobs") == "jobs: none\n"
    assert qemu.guest.command("stats check") == "stats: check: ok\n"


@pytest.mark.parametrize("line", FOREGROUND)
def test_ctrl_c_ends_it(boot: Boot, line: str) -> None:
    qemu = start(boot)
    stop(qemu, launch(qemu, line), FOREGROUND[line])


@pytest.mark.parametrize("line", [line for line in FOREGROUND if line != "wait"])
def test_resizes_go_on(boot: Boot, line: str) -> None:
    qemu = start(boot)
    mark = launch(qemu, line)
    for size in (GIB, 128 * MIB, 512 * MIB):
        follow(qemu, size)
    stop(qemu, mark, FOREGROUND[line])


@pytest.mark.parametrize("line", FOREGROUND)
def test_the_power_button_is_heard(boot: Boot, line: str) -> None:
    qemu = start(boot)
    mark = launch(qemu, line)
    qemu.qmp.execute_last("system_powerdown")
    qemu.guest.console.wait(r"^tide: power button$", mark)
    assert qemu.wait_exit() == 0


def test_what_is_typed_meanwhile_waits_its_turn(boot: Boot) -> None:
    qemu = start(boot)
    mark = qemu.guest.send("bench hot 0 3000000 4")
    qemu.guest.send("alloc 1M 2")
    qemu.guest.send("fill all")
    qemu.guest.send("check all")
    qemu.guest.send("frobnicate")
    qemu.guest.console.wait(r"unknown command 'frobnicate'", mark, LONG_SECONDS)
    answers = re.findall(r"^(\w+: \w+)", qemu.guest.console.text[mark:], re.MULTILINE)
    assert answers == ["bench: hot", "alloc: 0", "alloc: 1", "fill: 1", "fill: 0", "check: ok", "check: ok",
                       "error: unknown"]  # fmt: skip


@pytest.mark.parametrize("verb", ["", "vm "], ids=["holding", "area"])
@pytest.mark.parametrize("action", ["fill", "check"])
def test_a_fill_or_check_is_stopped(boot: Boot, verb: str, action: str) -> None:
    """A fill that did not end leaves nothing that could be checked."""
    qemu = boot(MemDevice("vmem0", size=2 * GIB))
    resize(qemu, "vmem0", GIB)
    qemu.guest.command(f"{verb}alloc 1000M")
    if action == "check":
        qemu.guest.command(f"{verb}fill", LONG_SECONDS)
    qemu.qmp.execute("stop")  # so that both are there when it goes on
    mark = qemu.guest.send(f"{verb}{action}")
    qemu.guest.console.send(CTRL_C)
    qemu.qmp.execute("cont")
    qemu.guest.console.wait(rf"^\^C\nerror: {verb}{action}: stopped by Ctrl-C$", mark, LONG_SECONDS)
    answer = qemu.guest.command(f"{verb}check", LONG_SECONDS)
    expected = "check: skipped: 0: not filled yet\n" if action == "fill" else "check: ok: 0: "
    assert answer.removeprefix("vm: ").startswith(expected)
    resize(qemu, "vmem0", 2 * GIB)


def test_two_jobs_that_want_the_same_processors(boot: Boot) -> None:
    """The second one is refused, by the first one's name, and none of its processors is taken."""
    qemu = start(boot)
    qemu.guest.command("vm alloc 4M")
    qemu.guest.command("vm fill")
    qemu.guest.command("vm touch")
    blame = "processor 1 runs 'vm touch'; 'vm touch stop' ends it\n"
    assert qemu.guest.command("bench churn") == f"error: bench churn: {blame}"
    assert qemu.guest.command("bench churn movable") == f"error: bench churn: {blame}"
    assert qemu.guest.command("bench hot 0 1000 2") == f"error: bench: {blame}"
    assert qemu.guest.command("vm touch") == "error: vm touch: it runs already; 'vm touch stop' ends it\n"
    assert qemu.guest.command("bench hot 0 1000").startswith("bench: hot ")
    listed = r"jobs: 'vm touch' state=running others=3 seconds=\d+ limit=600, 'vm touch stop' ends it\n"
    assert re.fullmatch(listed, qemu.guest.command("jobs"))
    for size in (512 * MIB, 256 * MIB):
        resize(qemu, "vmem0", size)
    assert " wrong=0\n" in qemu.guest.command("vm touch stop", LONG_SECONDS)
    assert qemu.guest.command("bench churn").startswith("bench: churns ")
    blame = blame.replace("vm touch", "bench churn")
    assert qemu.guest.command("vm touch") == f"error: vm touch: {blame}"
    assert " wrong=0 " in qemu.guest.command("bench churn stop", LONG_SECONDS)
    assert qemu.guest.command("stats check") == "stats: check: ok\n"


def test_a_processor_that_is_busy_leaves_the_others_alone(boot: Boot) -> None:
    qemu = start(boot)
    qemu.guest.command("crash watch 3")
    for line in ("bench churn", "vm touch"):
        assert qemu.guest.command(line) == f"error: {line}: processor 3 is busy\n"
    assert qemu.guest.command("cpus") == "cpus: running=4\ncpus: 1 idle\ncpus: 2 idle\ncpus: 3 busy\n"


# a job that would go on for ever -> what it says when its second is over
LIMITED = {
    "bench churn 1": r"bench churn: stopped at its limit of 1 s\nbench: churned .* wrong=0 ",
    "bench churn movable 1": r"bench churn: stopped at its limit of 1 s\nbench: churned .* wrong=0 ",
    "vm touch 1": r"vm touch: stopped at its limit of 1 s\nvm: touched cpus=3 .* wrong=0\n",
    "wait 1": r"error: wait: stopped at its limit of 1 s\n",
}


@pytest.mark.parametrize("line", LIMITED)
def test_a_limit_in_time(boot: Boot, line: str) -> None:
    qemu = start(boot)
    mark = launch(qemu, line) if line != "wait 1" else 0
    if line == "wait 1":
        qemu.guest.command("alloc 100M")
        qemu.set_requested("vmem0", 0)
        mark = qemu.guest.send(line)
    qemu.guest.console.wait(rf"^(tide> )*{LIMITED[line]}", mark, LONG_SECONDS)
    assert qemu.guest.command("jobs") == "jobs: none\n"


def test_a_script_whose_job_is_stopped_fails(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"), append=f'run="bench hot 0 {ENDLESS}; exit"')
    qemu.guest.console.wait(rf"bench hot 0 {ENDLESS}\n")
    qemu.guest.console.send(CTRL_C)
    assert qemu.wait_exit() == 43


def test_a_workload_ends_in_parts(boot: Boot) -> None:
    qemu = start(boot)
    qemu.guest.command("workload steady size=128M ticks=0 tick=0")
    assert re.match(r"jobs: 'workload' state=running others=0 ", qemu.guest.command("jobs"))
    qemu.wait_for(lambda: f"held={128 * MIB} " in qemu.guest.command("workload"), "all to be held")
    resize(qemu, "vmem0", GIB)
    assert "state=idle tick=" in qemu.guest.command("workload stop", LONG_SECONDS)
    resize(qemu, "vmem0", 0)

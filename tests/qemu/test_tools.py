# SPDX-License-Identifier: BSD-2-Clause
"""The commands that a person types: the story, the shell from a pipe and on a terminal, and how they end."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import IMAGE, TREE
from terminal import WAIT_SECONDS, Terminal, run_tool


def test_the_story_is_told_to_its_end() -> None:
    done = run_tool("run", str(IMAGE))
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert any(row[:3] == ["grow", "to", "512M"] and "512M" in row[3:] for row in rows)
    assert done.stdout.count("[") == 7, "a picture of the region for each step"
    assert "Everything was given back" in done.stdout


def test_the_story_without_an_image() -> None:
    done = run_tool("run", "/nonexistent/tide.elf")
    assert (done.returncode, done.stderr) == (1, "tools/run: there is no /nonexistent/tide.elf: run `make` first\n")


SESSION = """\
!help
!info
!resize vmem0 512M
alloc 100M
!resize +1G
!resize 3G
!resize nothing 1G
!frobnicate
!resise 1G
!hmp info status
status
free all
!resize 0
exit
"""


def test_shell_from_a_pipe() -> None:
    done = run_tool("shell", str(IMAGE), stdin=SESSION)
    assert done.returncode == 0, done.stdout + done.stderr
    for expected in (
        "vmem0: requested 0, plugged 0 of at most 2G",
        "vmem0: requested 512M, was 0",
        "vmem0: requested 1.5G, was 512M",
        "error: resize: QEMU said: 'requested-size' cannot exceed the memory backend size",
        "vmem0 takes 0 to 2G in multiples of 2M",
        "error: resize: there is no virtio-mem device 'nothing'; there is vmem0",
        "error: unknown host command '!frobnicate'; !help lists them",
        "error: unknown host command '!resise'; did you mean !resize?",
        "VM status: running",
        "plugged=1610612736",
        "vmem0: settled requested=0 plugged=0",
    ):
        assert expected in done.stdout, done.stdout


def test_the_machine_of_the_shell() -> None:
    """`make shell DEVICES= MEMORY= CPUS= APPEND=` has what is asked for."""
    done = run_tool("shell", str(IMAGE), "--device", "1G,block=4M,requested=64M", "--device", "512M,packed=on", "--memory", "128M",
                    "--cpus", "2", "--append", "log=info", stdin="!info\nwait\ncpus\nstatus\n!hmp info memory_size_summary\nexit\n")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for expected in ("vmem0: requested 64M", "vmem1: requested 0, plugged 0 of at most 512M", "block 4M", "cpus: running=2",
                     "base memory: 134217728"):  # fmt: skip
        assert expected in done.stdout, done.stdout


def test_make_passes_the_machine_on() -> None:
    """A quote in APPEND reaches the kernel; nothing is built or started."""
    told = subprocess.run(
        ["make", "-n", "shell", "DEVICES=2G 1G,block=4M", "MEMORY=64M", "CPUS=2", "APPEND=run=\"alloc 1M\" it's"],
        cwd=TREE, capture_output=True, text=True, timeout=WAIT_SECONDS).stdout  # fmt: skip
    line = next(line for line in told.splitlines() if "tools/shell" in line)
    words = shlex.split(line)
    assert words[words.index("--qmp") + 2 :] == ["--device", "2G", "--device", "1G,block=4M", "--memory", "64M", "--cpus", "2",
                                                "--append", "run=\"alloc 1M\" it's"]  # fmt: skip


def test_shell_ends_with_the_guests_status() -> None:
    assert run_tool("shell", str(IMAGE), stdin="exit 5\n").returncode == 129 + 2 * 5
    assert run_tool("shell", str(IMAGE), stdin="!quit\n").returncode == 0


def test_shell_on_a_terminal() -> None:
    terminal = Terminal()
    terminal.wait("tide> ")
    terminal.type("!")
    terminal.wait("!")
    terminal.type("resize 64M\n")
    terminal.wait("vmem0: settled requested=67108864")
    terminal.type("statu\x7fus\r")
    terminal.wait("plugged=67108864")
    terminal.wait("tide> ")
    terminal.type("\x01x")
    assert terminal.wait_exit() == 0


def test_keys_of_the_guests_line_on_a_terminal() -> None:
    """Tab completes, a wrong name is answered with a near one, Ctrl-L clears, and the host speaks below that."""
    terminal = Terminal()
    terminal.wait("tide> ")
    terminal.wait_raw()
    terminal.type("devi\t\r")
    terminal.wait("devices ")
    terminal.wait("virtio memory")
    terminal.type("stauts\r")
    terminal.wait("did you mean 'status'?")
    terminal.type("help map\r")
    terminal.wait("map [DEVICE] [CELLS]")
    terminal.type("sta\x0c")
    terminal.wait("\x1b[H\x1b[2Jtide> sta")
    terminal.type("!info\r")
    terminal.wait("vmem0: requested 0")
    terminal.wait("tide> sta")
    assert "\x1b[2J" not in terminal.text
    terminal.type("\x01x")
    assert terminal.wait_exit() == 0


def test_a_live_picture_on_a_terminal() -> None:
    """The region is drawn again when the host resizes it and when another job uses memory; lines for the host go on."""
    terminal = Terminal()
    terminal.wait("tide> ")
    terminal.wait_raw()
    terminal.type("alloc 2M\r")
    terminal.wait("tide> ")
    terminal.type("watch map\r")
    terminal.wait("vmem0: requested 0, plugged 0, settled; a cell is 2 of 1024 blocks of 2M")
    terminal.type("!resize 64M\r")
    terminal.wait("vmem0: requested 64M, was 0")
    terminal.wait("requested 64M, plugged 64M, settled")
    terminal.wait("\x1b[90m----------------")
    terminal.type("!resize 0\r")
    terminal.wait("requested 0, plugged 0, settled")
    terminal.type("\x03")
    terminal.wait("\x1b[r")
    terminal.wait("tide> ")
    terminal.type("\x01x")
    assert terminal.wait_exit() == 0


@pytest.mark.parametrize(
    "keys", ["abc\x7f\x7f\x7f", "abc\x15", "\x1b[A\x1b[B", "abc\x01\x01\x1b[3~\x1b[3~\x1b[3~", "\x1b[D"],
    ids=["backspace", "Ctrl-U", "up-down", "home-delete", "left"],
)  # fmt: skip
def test_the_hosts_key_after_editing(keys: str) -> None:
    terminal = Terminal()
    terminal.wait("tide> ")
    terminal.wait_raw()
    terminal.type(keys)
    terminal.type("!resize 64M\r")
    terminal.wait("vmem0: requested 64M, was 0")
    terminal.wait("vmem0: settled requested=67108864")
    terminal.type("\x01x")
    assert terminal.wait_exit() == 0


def test_the_hosts_line_is_edited_and_the_guests_comes_back() -> None:
    """A line for the host neither sends nor loses the half-typed line for the guest."""
    terminal = Terminal()
    terminal.wait("tide> ")
    terminal.wait_raw()
    terminal.type("statXY\x7f\x7f")
    terminal.type("!nonsense\x15inXX\x7f\x7f\x1b[Dfo\r")
    terminal.wait("vmem0: requested 0, plugged 0 of at most 2G")
    terminal.wait("tide> stat")
    terminal.type("!q\x7f\x7fus\r")
    terminal.wait("requested=0 plugged=0 usable=0")
    terminal.wait("tide> ")
    terminal.type("!\x03!quit\r")
    assert terminal.wait_exit() == 0


def test_tab_in_the_hosts_line() -> None:
    terminal = Terminal()
    terminal.wait("tide> ")
    terminal.wait_raw()
    terminal.type("!re\t\t")
    terminal.wait("!res\r\n  resize  reset\r\n!res")
    terminal.type("i\tvm\t64M\r")
    terminal.wait("ize vmem0 64M")
    terminal.wait("vmem0: requested 64M, was 0")
    terminal.type("!zz\t\x7f\x7finf\t\r")
    terminal.wait("vmem0: requested 64M, plugged")
    terminal.type("\x01x")
    assert terminal.wait_exit() == 0


def test_what_is_typed_before_the_prompt_is_not_lost() -> None:
    terminal = Terminal()
    terminal.type("!resize 64M\n")
    terminal.wait("vmem0: settled requested=67108864")
    terminal.type("\x01x")
    assert terminal.wait_exit() == 0


def test_a_tool_that_is_ended_leaves_nothing(tmp_path: Path) -> None:
    """QEMU is ended with it, and its temporary folder removed."""
    command = [sys.executable, str(TREE / "tools/run"), str(IMAGE)]
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as tool:
        assert tool.stdout and any("start" in line for line in tool.stdout)
        assert list(tmp_path.iterdir())
        tool.send_signal(signal.SIGTERM)
        tool.communicate(timeout=WAIT_SECONDS)
    assert tool.returncode == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())


def test_a_pipe_that_nobody_reads_any_more() -> None:
    line = f"{sys.executable} {TREE}/tools/%s {IMAGE}"
    for command in (line % "run" + " | head -n 1", "echo '!help' | " + line % "shell" + " | head -n 1"):
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=WAIT_SECONDS)
        assert "Traceback" not in done.stderr and "Exception" not in done.stderr, done.stderr


@pytest.mark.skipif(shutil.which("gdb") is None, reason="tools/gdb misses gdb first, and it is not installed")
def test_without_qemu(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    for name, arguments in (("run", ()), ("shell", ()), ("gdb", ()), ("profile", ("1G",))):
        for qemu, words in (("/no/qemu", "there is no /no/qemu"), ("/dev/null", "this is no program: /dev/null")):
            command = [sys.executable, str(TREE / "tools" / name), str(IMAGE), *arguments]
            done = subprocess.run(command, env=environment | {"QEMU": qemu}, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=WAIT_SECONDS)  # fmt: skip
            assert done.returncode == 1
            assert done.stderr == f"tools/{name}: {words}: run `make setup`, or set QEMU=\n"
    assert not list(tmp_path.iterdir())


TOOLS = ("run", "shell", "gdb", "resize", "experiment", "profile", "bench", "ledger", "coverage", "lint", "test", "linux-guest")


@pytest.mark.parametrize("name", TOOLS)
def test_help(name: str, tmp_path: Path) -> None:
    """--help tells the usage, a wrong option is refused, and neither does anything."""
    command = [sys.executable, str(TREE / "tools" / name)]
    for option, status in (("--help", 0), ("--frobnicate", 2)):
        done = subprocess.run([*command, option], cwd=tmp_path, capture_output=True, text=True, timeout=WAIT_SECONDS)
        assert done.returncode == status, done.stdout + done.stderr
        assert f"tools/{name}" in (done.stdout if status == 0 else done.stderr)
    assert not list(tmp_path.iterdir())


def test_wrong_arguments(tmp_path: Path) -> None:
    for arguments, status, words in (
        (("profile", str(IMAGE), "much"), 2, "argument size: 'much' is not a size; expected a number with K, M, G or T (powers of 1024)"),
        (("profile", "/no/image", "1G"), 1, "tools/profile: there is no /no/image: run `make` first"),
        (("shell", str(IMAGE), "--device", "2G,block"), 2, "'2G,block': 'block' has no '='; expected SIZE[,block=SIZE]"),
        (("shell", str(IMAGE), "--cpus", "none"), 2, "argument --cpus: 'none' is not a number of processors; expected 1 or more"),
        (("shell", "--beside", str(tmp_path)), 1, f"tools/shell: {tmp_path}: no machine runs there: `make gdb` starts one"),
        (("gdb", "/no/image"), 1, "tools/gdb: there is no /no/image: run `make` first"),
        (("bench", str(tmp_path)), 1, f"tools/bench: there is no {tmp_path}/tide.elf: run `make` first"),
        (("coverage", str(tmp_path)), 1, f"tools/coverage: {tmp_path} has nothing that was built with --coverage"),
    ):
        done = run_tool(*arguments)
        assert (done.returncode, words in done.stderr) == (status, True), done.stderr

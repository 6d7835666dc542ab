# SPDX-License-Identifier: BSD-2-Clause
"""The commands that a person types: the story, the shell from a pipe and on a terminal, gdb, and how they end."""

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from helpers import IMAGE, TREE

WAIT_SECONDS = 240


def run_tool(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TREE / "tools" / arguments[0]), *arguments[1:]]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=WAIT_SECONDS)


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
        "error: unknown host command '!frobnicate'",
        "VM status: running",
        "plugged=1610612736",
        "vmem0: settled requested=0 plugged=0",
    ):
        assert expected in done.stdout, done.stdout


def test_shell_ends_with_the_guests_status() -> None:
    assert run_tool("shell", str(IMAGE), stdin="exit 5\n").returncode == 129 + 2 * 5
    assert run_tool("shell", str(IMAGE), stdin="!quit\n").returncode == 0


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *command: str) -> None:
        command = command or (sys.executable, str(TREE / "tools/shell"), str(IMAGE))
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(command[0], command)
        self.text = ""

    def wait(self, what: str) -> None:
        """Read until `what` was shown after all that was waited for before."""
        deadline = time.monotonic() + WAIT_SECONDS
        while what not in self.text:
            assert self.read(deadline), f"'{what}' never came: {self.text}"
        self.text = self.text.split(what, 1)[1]

    def read(self, deadline: float) -> bool:
        """Add what comes next to the text; False at the end. None of it waits longer than the deadline."""
        left = max(deadline - time.monotonic(), 0)
        assert select.select([self.fd], [], [], left)[0], f"nothing comes any more after: {self.text}"
        try:
            data = os.read(self.fd, 4096)
        except OSError:
            return False
        self.text += data.decode(errors="replace")
        return bool(data)

    def wait_raw(self) -> None:
        """Until each key is read as it is typed: before, the terminal itself edits the line."""
        deadline = time.monotonic() + WAIT_SECONDS
        while termios.tcgetattr(self.fd)[3] & termios.ICANON:
            assert time.monotonic() < deadline, f"the terminal is never raw: {self.text}"
            time.sleep(0.01)

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def wait_exit(self) -> int:
        deadline = time.monotonic() + WAIT_SECONDS
        while self.read(deadline):
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


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


def test_what_is_typed_before_the_prompt_is_not_lost() -> None:
    terminal = Terminal()
    terminal.type("!resize 64M\n")
    terminal.wait("vmem0: settled requested=67108864")
    terminal.type("\x01x")
    assert terminal.wait_exit() == 0


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed")
def test_gdb_stops_at_the_first_instruction() -> None:
    done = run_tool("gdb", str(IMAGE), "-batch", "-ex", "info registers rip", "-ex", "hbreak kmain",
                    "-ex", "continue", "-ex", "backtrace 1")  # fmt: skip
    assert "Breakpoint 1, boot_entry" in done.stdout, done.stdout + done.stderr
    assert "kmain (boot=" in done.stdout.split("Breakpoint 2", 1)[1]


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed")
def test_ctrl_c_in_gdb_stops_the_guest(tmp_path: Path) -> None:
    """As `make gdb` has it. Neither gdb nor QEMU ends of it, and the terminal is in the end as it was."""
    image = shutil.copy(IMAGE, tmp_path)  # serial.log is beside it
    terminal = Terminal("/bin/sh", "-c", f"{sys.executable} {TREE}/tools/gdb {image}; echo status $?")
    before = termios.tcgetattr(terminal.fd)
    terminal.wait("Breakpoint 1, ")
    terminal.wait("(gdb) ")
    terminal.type("continue\r")
    terminal.wait("Continuing.")
    # QEMU's stub drops a Ctrl-C that comes before the guest runs.
    deadline = time.monotonic() + WAIT_SECONDS
    while "tide: ready" not in (tmp_path / "gdb/serial.log").read_text():
        assert time.monotonic() < deadline, "the guest does not run"
        time.sleep(0.05)
    terminal.type("\x03")
    terminal.wait("Program received signal SIGINT")
    terminal.wait("(gdb) ")
    terminal.type("quit\r")
    terminal.wait("status 0")
    assert termios.tcgetattr(terminal.fd) == before
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
        (("gdb", "/no/image"), 1, "tools/gdb: there is no /no/image: run `make` first"),
        (("bench", str(tmp_path)), 1, f"tools/bench: there is no {tmp_path}/tide.elf: run `make` first"),
        (("coverage", str(tmp_path)), 1, f"tools/coverage: {tmp_path} has nothing that was built with --coverage"),
    ):
        done = run_tool(*arguments)
        assert (done.returncode, words in done.stderr) == (status, True), done.stderr

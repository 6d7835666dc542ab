# SPDX-License-Identifier: BSD-2-Clause
"""The commands that a person types: the story, the shell from a pipe, gdb."""

import os
import pty
import select
import shutil
import subprocess
import sys
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
    assert done.returncode == 1
    assert "could not load kernel" in done.stderr or "nonexistent" in done.stderr
    assert "Traceback" not in done.stderr


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
    """tools/shell on a terminal of its own."""

    def __init__(self) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(sys.executable, [sys.executable, str(TREE / "tools/shell"), str(IMAGE)])
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


def test_commands_say_what_they_want(tmp_path: Path) -> None:
    for name in ("run", "shell", "bench"):
        done = run_tool(name, "--help")
        assert done.returncode == 0 and "Tide" in done.stdout
        assert run_tool(name).returncode == 2

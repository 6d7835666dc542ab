# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of tools/ run: a tool to its end, or on a terminal of its own."""

import os
import pty
import select
import subprocess
import sys
import termios
import time

from helpers import IMAGE, TREE

WAIT_SECONDS = 240


def run_tool(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TREE / "tools" / arguments[0]), *arguments[1:]]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=WAIT_SECONDS)


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

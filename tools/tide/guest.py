# SPDX-License-Identifier: BSD-2-Clause
"""The guest as its serial port shows it: text, the monitor, the documented messages.

Console collects the text; waiting is always for a condition on it. Guest
knows Tide's monitor and the lines that docs name as stable.
"""

import itertools
import re
import socket
import threading
import time
from dataclasses import dataclass
from typing import Callable

from .qmp import WAIT_SECONDS

PROMPT = "tide> "
_TAGGED = re.compile(r"^(?P<tag>@\w+)(?P<mark>[ +.])(?P<rest>.*\n)", re.MULTILINE)
_tags = itertools.count(1)
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # of the line editor
_READY = r"^(?:tide> )*tide: ready$"
_SETTLED = re.compile(
    r"^(?:tide> )*(?P<device>\w+): settled requested=(?P<requested>\d+) plugged=(?P<plugged>\d+)"
    r" usable=(?P<usable>\d+) requests=(?P<requests>\d+)$",
    re.MULTILINE,
)


class GuestFailed(Exception):
    """The guest did not do what was waited for; the message ends with its last lines."""


@dataclass(frozen=True)
class Settled:
    """One `settled` line: the guest's view at the end of a resize."""

    device: str
    requested: int
    plugged: int
    usable: int
    requests: int


def parse_settled(text: str) -> list[Settled]:
    """Every complete `settled` line in the text."""
    return [
        Settled(m["device"], int(m["requested"]), int(m["plugged"]), int(m["usable"]),
                int(m["requests"]))
        for m in _SETTLED.finditer(text)
    ]  # fmt: skip


def answer_to(tag: str, text: str, start: int) -> str:
    """What the text holds from `start` on of the answer to a command with that tag; log lines left out."""
    answer = ""
    for line in _TAGGED.finditer(text, start):
        if line["tag"] != tag or line["mark"] == ".":
            continue
        if line["mark"] == "+":  # a log line came into the middle
            answer = answer.removesuffix("\n")
        answer += line["rest"]
    return answer


def without_tags(text: str) -> str:
    """The text as it had been without tags: for those who read it."""
    text = re.sub(rf"^({PROMPT})?@\w+ ", r"\1", text, flags=re.MULTILINE)
    return re.sub(r"^@\w+(\.\r?\n|\+)", "", text, flags=re.MULTILINE)


class Console:
    """The text of one serial port, read by a thread of its own.

    Carriage returns and the line editor's escape sequences are dropped.
    """

    def __init__(self, connected: socket.socket, copy: Callable[[bytes], None] | None = None):
        """`copy` is called by the reading thread with the bytes as they came."""
        self._socket = connected
        self._copy = copy
        self._changed = threading.Condition()
        self._text = ""
        self._unfinished = ""
        self._ended = False
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        with self._changed:
            return self._text

    def mark(self) -> int:
        """A place in the text: what is there now lies before it."""
        return len(self.text)

    def send(self, text: str) -> None:
        self.send_bytes(text.encode())

    def send_bytes(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise GuestFailed("the guest ended") from error

    @property
    def ended(self) -> bool:
        return self._ended

    def wait(self, pattern: str, start: int = 0, wait_seconds: float = WAIT_SECONDS) -> re.Match[str]:
        """Wait until the pattern (multi-line) is found in the text at or after `start`."""
        expression = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + wait_seconds
        with self._changed:
            while True:
                match = expression.search(self._text, start)
                if match:
                    return match
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    reason = "the guest ended" if self._ended else "time is up"
                    raise GuestFailed(f"waited for /{pattern}/: {reason}\n{self._tail()}")
                self._changed.wait(left)

    def wait_end(self, wait_seconds: float = WAIT_SECONDS) -> str:
        """Wait until QEMU has closed the port; the whole text."""
        self._thread.join(wait_seconds)
        return self.text

    def close(self) -> None:
        """To be called when QEMU has ended: what is still on its way is taken in first."""
        self._thread.join(2)
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join(5)
        self._socket.close()

    def _tail(self) -> str:
        return "\n".join("  | " + line for line in self._text.splitlines()[-25:])

    def _append(self, text: str) -> None:
        text = self._unfinished + text.replace("\r", "")
        # An escape sequence may be cut by the end of what arrived: keep its head for the next time.
        escape = text.rfind("\x1b")
        whole = escape < 0 or _ESCAPES.match(text, escape) or len(text) - escape > 16
        self._unfinished = "" if whole else text[escape:]
        self._text += _ESCAPES.sub("", text if whole else text[:escape])

    def _collect(self) -> None:
        while True:
            try:
                data = self._socket.recv(65536)
            except OSError:
                data = b""
            if data and self._copy:
                self._copy(data)
            with self._changed:
                if data:
                    self._append(data.decode("utf-8", "replace"))
                else:
                    self._ended = True
                self._changed.notify_all()
            if not data:
                return


class Guest:
    """Tide, through its console."""

    prompt = PROMPT

    def __init__(self, console: Console):
        self.console = console

    def wait_ready(self, wait_seconds: float = WAIT_SECONDS) -> None:
        """Wait for `tide: ready`."""
        self.console.wait(_READY, 0, wait_seconds)

    def settled(self, device: str | None = None, start: int = 0) -> list[Settled]:
        """The resizes reported up to now."""
        lines = parse_settled(self.console.text[start:])
        return [line for line in lines if device in (None, line.device)]

    def wait_settled(
        self, device: str, requested: int, start: int = 0, wait_seconds: float = WAIT_SECONDS
    ) -> Settled:
        """Wait for the `settled` line of a device at a requested size, after `start`."""
        pattern = rf"^(?:tide> )*{device}: settled requested={requested} .*$\n"
        match = self.console.wait(pattern, start, wait_seconds)
        return parse_settled(match.group(0))[0]

    def command(self, line: str, wait_seconds: float = WAIT_SECONDS) -> str:
        """Run a monitor command and give what it printed: all of it, and no line of anyone else.

        The command is typed with a tag, which begins each line of the answer and ends it.
        """
        self.console.wait(rf"^{self.prompt}", 0, wait_seconds)
        tag = f"@{next(_tags)}"
        start = self.send(f"{tag} {line}")
        self.console.wait(rf"^{tag}\.\n", start, wait_seconds)
        return answer_to(tag, self.console.text, start)

    def send(self, line: str) -> int:
        """Type a line without waiting for what follows; the place in the text before it."""
        start = self.console.mark()
        self.console.send(line + "\r")
        return start

    def stats(self) -> dict[str, int]:
        """The numbers of the `stats` command: {"plugged used": 512, "uptime ms": ...}."""
        numbers = {}
        for subject, rest in re.findall(r"^stats: (\w+) (.*)$", self.command("stats"), re.MULTILINE):
            for name, value in re.findall(r"(\w+)=(\d+)", rest):
                numbers[f"{subject} {name}"] = int(value)
        return numbers

    def map(self, device: str, cells: int = 64) -> str:
        """The region in at most that many characters: . - + # : (see the monitor's help)."""
        rows = re.findall(r"^  \[(.*)\]$", self.command(f"map {device} {cells}"), re.MULTILINE)
        return "".join(rows)

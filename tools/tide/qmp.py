# SPDX-License-Identifier: BSD-2-Clause
"""A client for QMP, QEMU's machine protocol, over a connected socket.

One thread uses a client. Events that arrive while it waits for a reply are
kept for wait_event(). An error is shown in QEMU's own words.
"""

import json
import socket
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

WAIT_SECONDS = 300.0  # only a hang meets it


class QmpError(Exception):
    """QEMU refused a command; str() is what QEMU said."""

    def __init__(self, error_class: str, description: str):
        super().__init__(description)
        self.error_class = error_class


class QmpClosed(Exception):
    """QEMU ended, or closed the connection."""


def watch_socket(path: Path) -> Path:
    """The second socket beside `path`, for who looks on: QEMU serves one client on each."""
    return path.with_name(f"{path.stem}-watch{path.suffix}")


def is_served(path: Path) -> bool:
    """Whether a program listens at the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def socket_of_its_own(path: Path | None) -> Path | None:
    """The path, if no other QEMU is reached there; two machines may run, and the second has no socket."""
    if path and is_served(path):
        print(f"{path} belongs to a QEMU that runs already: this one has no socket", file=sys.stderr)
        return None
    return path


class Qmp:
    """A session that has passed the greeting and the capabilities."""

    def __init__(self, connected: socket.socket, wait_seconds: float = WAIT_SECONDS):
        self._socket = connected
        self._buffer = b""
        self._wait_seconds = wait_seconds
        self.events: deque[dict[str, Any]] = deque()
        greeting = self._read(time.monotonic() + wait_seconds)
        if "QMP" not in greeting:
            raise QmpClosed(f"not a QMP socket: it said {greeting}")
        version = greeting["QMP"]["version"]["qemu"]
        self.version: tuple[int, int, int] = (version["major"], version["minor"], version["micro"])
        self.execute("qmp_capabilities")

    @classmethod
    def connect(cls, path: str | Path, wait_seconds: float = WAIT_SECONDS) -> "Qmp":
        """Connect to the socket that `-qmp unix:PATH,server=on,wait=off` made."""
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connected.connect(str(path))
        return cls(connected, wait_seconds)

    def close(self) -> None:
        self._socket.close()

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run one command and give what it returned. An underscore in a name stands for '-'."""
        request: dict[str, Any] = {"execute": command}
        if arguments:
            request["arguments"] = {key.replace("_", "-"): value for key, value in arguments.items()}
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise QmpClosed(f"QEMU is gone: {error}") from error
        deadline = time.monotonic() + self._wait_seconds
        while True:
            message = self._read(deadline)
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                raise QmpError(message["error"]["class"], message["error"]["desc"])
            else:
                return message["return"]

    def execute_last(self, command: str, **arguments: Any) -> None:
        """Run one command to which the guest may end QEMU before the answer has come."""
        try:
            self.execute(command, **arguments)
        except QmpClosed:
            pass

    def wait_event(self, name: str, wait_seconds: float | None = None) -> dict[str, Any]:
        """The next event of that name, kept or new; earlier ones of other names are kept."""
        for event in self.events:
            if event["event"] == name:
                self.events.remove(event)
                return event
        deadline = time.monotonic() + (wait_seconds or self._wait_seconds)
        while True:
            event = self._read(deadline)
            if event.get("event") == name:
                return event
            self.events.append(event)

    def human(self, line: str) -> str:
        """Run a command of the human monitor."""
        return str(self.execute("human-monitor-command", command_line=line))

    def get(self, path: str, name: str) -> Any:
        """Read a property of a QEMU object: get("vmem0", "size")."""
        return self.execute("qom-get", path=path, property=name)

    def set(self, path: str, name: str, value: Any) -> None:
        """Set a property of a QEMU object."""
        self.execute("qom-set", path=path, property=name, value=value)

    def _read(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.0001))
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                raise
            except OSError as error:
                raise QmpClosed(f"QEMU is gone: {error}") from error
            if not data:
                raise QmpClosed("QEMU closed its QMP socket")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        try:
            message: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise QmpClosed(f"this is no QMP: '{line[:80].decode(errors='replace')}'") from error
        return message

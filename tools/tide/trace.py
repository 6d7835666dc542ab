# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's own trace of a virtio-mem device: each request with the reply it got.

The trace is written by `-trace virtio_mem_*`. It does not name the device: with
several, the address of a request tells them apart.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

REPLIES = {0: "ack", 1: "nack", 2: "busy", 3: "error"}
_EVENT = re.compile(r"^(?:\d+@[\d.]+:)?virtio_mem_(\w+)\s?(.*)$")
_REQUESTS = {
    "plug_request": "plug",
    "unplug_request": "unplug",
    "unplug_all_request": "unplug_all",
    "state_request": "state",
}


@dataclass
class Request:
    """One request of the guest as the device saw it. reply is None if the trace ends before it."""

    kind: str
    addr: int | None = None
    nr_blocks: int | None = None
    reply: str | None = None


@dataclass
class Trace:
    """What one trace file tells, in the order of the file."""

    requests: list[Request] = field(default_factory=list)
    strange_lines: list[str] = field(default_factory=list)

    def count(self, kind: str, reply: str | None = None) -> int:
        """How many requests of that kind there were (with that reply)."""
        return sum(r.kind == kind and reply in (None, r.reply) for r in self.requests)

    def replies(self) -> Counter[str]:
        return Counter(r.reply or "none" for r in self.requests)

    def between(self, base: int, size: int) -> list[Request]:
        """The plug, unplug and state requests whose address lies in a region."""
        return [r for r in self.requests if r.addr is not None and base <= r.addr < base + size]


def parse_trace(text: str) -> Trace:
    """Read a trace file's text; lines that are not of virtio-mem are kept apart, never fatal."""
    trace = Trace()
    for line in text.splitlines():
        match = _EVENT.match(line)
        if not match:
            if line.strip():
                trace.strange_lines.append(line)
            continue
        event, rest = match.groups()
        values = {key: int(value, 0) for key, value in re.findall(r"(\w+)=(0x[0-9a-f]+|\d+)", rest)}
        if event in _REQUESTS:
            request = Request(_REQUESTS[event], values.get("addr"), values.get("nb_blocks"))
            trace.requests.append(request)
        elif event == "send_response" and trace.requests:
            trace.requests[-1].reply = REPLIES.get(values.get("type", -1), "unknown")
    return trace


def read_trace(path: Path) -> Trace:
    return parse_trace(path.read_text(errors="replace")) if path.exists() else Trace()

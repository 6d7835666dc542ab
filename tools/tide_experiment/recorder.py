# SPDX-License-Identifier: BSD-2-Clause
"""The records of a run: samples over time, and a row for each step and device."""

import os
import re
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from tide.guest import Guest
from tide.qemu import Qemu
from tide.trace import Request

from . import guestlines
from .folder import CsvFile
from .guests import read_view
from .sizes import Sizes

FRESH_SECONDS = 0.1
SERIES_COLUMNS = (
    "time_s", "step", "device", "requested", "size", "usable", "guest_used", "guest_free",
    "boot_used", "workload_held", "workload_target", "instructions", "cpu_s", "resident", "blocks",
    "workload_denied", "workload_ops", "pages_moved",
)  # fmt: skip
STEP_COLUMNS = (
    "step", "label", "device", "asked", "size_before", "requested", "size_after", "settled",
    "settle_ms", "step_ms", "plug", "unplug", "unplug_all", "state", "ack", "nack", "busy", "error",
    "no_reply", "instructions", "cpu_ms", "resident_before", "resident_after", "guest_used_before",
    "guest_used_after", "guest_free_after", "workload_held", "workload_denied",
    "workload_moved", "migration_ms", "migration_bytes",
)  # fmt: skip


class Counter:
    """The file that the instruction plugin counts in."""

    def __init__(self, path: Path):
        self.path = path

    def __call__(self) -> int:
        try:
            with open(self.path, "rb") as file:
                data = file.read(8)
        except OSError:
            return 0
        return struct.unpack("<Q", data)[0] if len(data) == 8 else 0


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and all its threads, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Moment:
    """The host's view at one moment, and the guest's where it was asked."""

    time: float
    requested: dict[str, int]
    size: dict[str, int]
    resident: int
    cpu: float
    instructions: int | None
    view: guestlines.View | None = None


@dataclass
class Usage:
    """What a step cost, up to a moment."""

    before: Moment
    requests_before: int
    settle_ms: dict[str, float] = field(default_factory=dict)
    migration: dict[str, int] = field(default_factory=dict)  # columns of a whole migration


class Recorder:
    """Samples one QEMU into series.csv. Used by the thread that drives the run."""

    def __init__(
        self,
        qemu: Qemu,
        monitor: Guest,
        view_command: str,
        counter: Counter | None,
        record: dict[str, Any],
        observe: Callable[[Moment, int], None],
        start: float,
        sizes: Sizes,
    ):
        self.qemu = qemu
        self.monitor = monitor
        self.view_command = view_command
        self.counter = counter
        self.record = record
        self.observe = observe
        self.sizes = sizes
        self.devices = [device.id for device in sizes.devices]
        self.step = 0
        self.start = start
        self.last_view: guestlines.View | None = None
        self.usable: dict[str, int] = {}
        self._series = CsvFile(qemu.folder / "series.csv", SERIES_COLUMNS)
        self._steps = CsvFile(qemu.folder / "steps.csv", STEP_COLUMNS)
        self._next_host = 0.0
        self._next_guest = 0.0
        self.viewed = 0.0

    def close(self) -> None:
        self._series.close()
        self._steps.close()

    def moment(self, ask_guest: bool) -> Moment:
        """Look at everything now, and write a sample. The guest is asked first: what that costs it
        is not counted from this moment on."""
        qemu = self.qemu
        view = read_view(self.monitor, self.view_command) if ask_guest else None
        if view:
            self.last_view, self.viewed = view, time.monotonic()
        moment = Moment(
            time.monotonic() - self.start,
            {device: self.sizes.requested(device) for device in self.devices},
            {device: self.sizes.size(device) for device in self.devices},
            qemu.resident(),
            cpu_seconds(qemu.process.pid),
            self.counter() if self.counter else None,
            view,
        )
        self._write(moment)
        now = time.monotonic()
        self._next_host = now + self.record["interval"]
        if ask_guest:
            self._next_guest = now + self.record["guest_interval"]
        self.observe(moment, self.step)
        return moment

    def sample_if_due(self, ask_guest: bool) -> Moment | None:
        """A sample where its time has come. The guest is asked at its own, slower rate."""
        now = time.monotonic()
        guest_due = ask_guest and now >= self._next_guest
        if guest_due or now >= self._next_host:
            return self.moment(guest_due)
        return None

    def used(self, view: guestlines.View | None) -> int | None:
        """All that the guest uses, and what its kernel keeps from its own count; not what is in the balloon, which one
        guest counts as used and another as memory that it has not."""
        if view is None or view.total is None:
            return None
        not_counted = self.qemu.machine.memory - view.total.boot
        return max(view.total.boot_used + view.total.plugged_used + not_counted - self.sizes.inflated, 0)

    def _write(self, moment: Moment) -> None:
        view = moment.view
        for device in self.devices:
            row: dict[str, Any] = {
                "time_s": f"{moment.time:.4f}",
                "step": self.step,
                "device": device,
                "requested": moment.requested[device],
                "size": moment.size[device],
                "usable": self.usable.get(device),
                "instructions": moment.instructions,
                "cpu_s": f"{moment.cpu:.2f}",
                "resident": moment.resident,
            }
            occupancy = view.occupancy.get(device) if view else None
            if occupancy:
                if occupancy.usable is not None:
                    self.usable[device] = row["usable"] = occupancy.usable
                row |= {
                    "guest_used": occupancy.used,
                    "guest_free": plugged_bytes(occupancy) - occupancy.used,
                    "blocks": occupancy.runs,
                }
            elif not self.qemu.machine.devices:
                row["guest_used"] = self.used(view)
            if view and view.total:
                row["boot_used"] = view.total.boot_used
                row["pages_moved"] = view.total.pages_moved
            if view and view.workload:
                row["workload_held"] = view.workload.held
                row["workload_target"] = view.workload.target
                row["workload_denied"] = view.workload.denied
                row["workload_ops"] = view.workload.allocs + view.workload.frees + view.workload.checked
            self._series.add(row)

    # ---- steps ----

    def requests(self) -> list[Request]:
        return self.qemu.trace().requests

    def _usable_from_trace(self) -> None:
        """A guest that does not tell the usable size: QEMU's trace does, where there is one device."""
        path = self.qemu.folder / "trace.log"
        if len(self.devices) == 1 and path.exists():
            told = re.findall(r"resized_usable_region .*new_size=(0x[0-9a-f]+)$", path.read_text(), re.M)
            if told:
                self.usable[self.devices[0]] = int(told[-1], 16)

    def begin_step(self, step: int) -> Usage:
        self.step = step
        self._usable_from_trace()
        # The last step ended with a look at the guest: the next one need not look again at once.
        fresh = self.last_view is not None and time.monotonic() - self.viewed < FRESH_SECONDS
        before = self.moment(ask_guest=not fresh)
        before.view = self.last_view
        return Usage(before, len(self.requests()))

    def end_step(self, step: Any, usage: Usage, after: Moment, measured: Moment) -> list[dict[str, Any]]:
        """Write the step's rows: `measured` is when its resize was over, `after` the step's end."""
        rows = []
        new = self.requests()[usage.requests_before :]
        before = usage.before
        for device in self.sizes.devices:
            own = self.sizes.requests(device, new)
            asked = device.id in step.requested
            settled = after.requested[device.id] == after.size[device.id]
            row: dict[str, Any] = {
                "step": self.step,
                "label": step.label,
                "device": device.id,
                "asked": int(asked),
                "size_before": before.size[device.id],
                "requested": after.requested[device.id],
                "size_after": after.size[device.id],
                "settled": int(settled),
                "settle_ms": round_or_none(usage.settle_ms.get(device.id)),
                "step_ms": round(1000 * (after.time - before.time), 2),
                "cpu_ms": round(1000 * (measured.cpu - before.cpu)),
                "resident_before": before.resident,
                "resident_after": after.resident,
            }
            if measured.instructions is not None and before.instructions is not None:
                row["instructions"] = measured.instructions - before.instructions
            row |= count_requests(own) | usage.migration
            row |= guest_columns(before.view, after.view, device.id)
            self._steps.add(row)
            rows.append(row)
        return rows


def plugged_bytes(occupancy: guestlines.Occupancy) -> int:
    """What the guest has plugged, by its blocks."""
    runs = guestlines.split_runs(occupancy.runs)
    return occupancy.block * sum(count for count, letter in runs if letter != "u")


def round_or_none(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def count_requests(requests: list[Request]) -> dict[str, int]:
    """Requests by kind and by reply, as columns of steps.csv."""
    kinds = {kind: sum(r.kind == kind for r in requests) for kind in ("plug", "unplug", "unplug_all", "state")}
    replies = {name: sum(r.reply == name for r in requests) for name in ("ack", "nack", "busy", "error")}
    return kinds | replies | {"no_reply": sum(r.reply is None for r in requests)}


def guest_columns(
    before: guestlines.View | None, after: guestlines.View | None, device: str
) -> dict[str, int | None]:
    """The guest's part of a row of steps.csv."""
    columns: dict[str, int | None] = {}
    old = before.occupancy.get(device) if before else None
    new = after.occupancy.get(device) if after else None
    if old:
        columns["guest_used_before"] = old.used
    if new:
        columns["guest_used_after"] = new.used
        columns["guest_free_after"] = plugged_bytes(new) - new.used
    if after and after.workload:
        columns["workload_held"] = after.workload.held
        columns["workload_denied"] = after.workload.denied
        if after.workload.moved is not None:
            earlier = before.workload.moved if before and before.workload else None
            columns["workload_moved"] = after.workload.moved - min(earlier or 0, after.workload.moved)
    return columns

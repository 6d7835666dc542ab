# SPDX-License-Identifier: BSD-2-Clause
"""A policy steers a machine: readings of it, decisions at their period, and the sizes that follow.

Two machines can be steered: one that an experiment runs, whose guest is asked by its monitor, and any
QEMU behind a QMP socket, whose guest is asked by its balloon's statistics.
"""

import time
from pathlib import Path
from typing import Any, Protocol

from tide import balloon, resize
from tide.qmp import Qmp
from tide.units import MIB

from .controller import DECISION_COLUMNS, Controller, decision_row
from .folder import CsvFile
from .policy import Decision, Reading


class NoStatistics(ValueError):
    """The machine has nothing that a policy could read or set; the message says what it needs."""


class Machine(Protocol):
    """What can be steered."""

    def reading(self) -> Reading:
        """How it stands now."""

    def request(self, size: int) -> None:
        """Request that size, in the terms of reading()."""


def share_out(size: int, most: dict[str, int]) -> dict[str, int]:
    """That much over the devices: the first is filled before the second gets any."""
    shares = {}
    for device, device_most in most.items():
        shares[device] = min(size, device_most)
        size -= shares[device]
    return shares


class Steering:
    """Asks the controller at its policy's period, and does what it says."""

    def __init__(self, controller: Controller, machine: Machine, dry_run: bool = False):
        self.controller = controller
        self.machine = machine
        self.dry_run = dry_run
        self._next = 0.0

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def step(self) -> Decision:
        """One decision, and its size is requested where it is another one."""
        now = time.monotonic()
        self._next = now + self.controller.policy["period"]
        decision = self.controller.decide(self.machine.reading(), now)
        if decision.size != decision.reading.requested and not self.dry_run:
            self.machine.request(decision.size)
        return decision


class DecisionFile:
    """decisions.csv of a run."""

    def __init__(self, folder: Path, start: float):
        self._start = start
        self._file = CsvFile(folder / "decisions.csv", DECISION_COLUMNS)

    def add(self, decision: Decision) -> None:
        self._file.add(decision_row(time.monotonic() - self._start, decision))

    def close(self) -> None:
        self._file.close()


class QmpMachine:
    """Any QEMU with a balloon, by QMP. Its virtio-mem devices are resized where it has some, else the balloon."""

    def __init__(self, qmp: Qmp, name: str):
        self.qmp = qmp
        self.name = name
        found = balloon.find_balloon(qmp)
        if found is None:
            raise NoStatistics("this QEMU has no balloon, whose statistics a policy needs: give it "
                               "-device virtio-balloon-pci,id=balloon0")  # fmt: skip
        self.balloon = found
        self.boot = int(qmp.execute("query-memory-size-summary")["base-memory"])
        self._requested: int | None = None  # of the balloon, which QEMU does not tell

    def reading(self) -> Reading:
        devices = resize.list_devices(self.qmp)
        told = balloon.read_statistics(self.qmp, self.balloon)
        used, age = (told.used_bytes, told.age_seconds) if told else (None, None)
        if not devices:
            size = balloon.balloon_size(self.qmp)
            requested = size if self._requested is None else self._requested
            return Reading(self.name, size, requested, used, age, most=self.boot, block=MIB)
        # What the guest's kernel keeps from its own count is in use, too.
        size = self.boot + sum(device.size for device in devices)
        hidden = max(size - told.total_bytes, 0) if told else 0
        return Reading(
            self.name, size, self.boot + sum(device.requested for device in devices),
            None if used is None else used + min(hidden, self.boot), age, base=self.boot,
            most=self.boot + sum(device.max for device in devices), block=max(device.block for device in devices),
        )  # fmt: skip

    def request(self, size: int) -> None:
        devices = {device.name: device for device in resize.list_devices(self.qmp)}
        if not devices:
            self.qmp.execute("balloon", value=size)
            self._requested = size
            return
        shares = share_out(size - self.boot, {name: device.max for name, device in devices.items()})
        for name, share in shares.items():
            if devices[name].requested != share:
                resize.request(self.qmp, devices[name], share)


class RunMachine:
    """The machine of a run: the recorder looks at it, and its guest's monitor tells what is used."""

    def __init__(self, name: str, recorder: Any):
        self.name = name
        self.recorder = recorder
        self.qemu = recorder.qemu
        devices = recorder.sizes.devices
        self.most = {device.id: device.size for device in devices}
        self.block = max(device.block for device in devices)
        # Boot memory that stays: with a balloon all but the device.
        self.boot = self.qemu.machine.memory - (0 if self.qemu.machine.devices else sum(self.most.values()))

    def reading(self) -> Reading:
        moment = self.recorder.moment(ask_guest=True)
        used = self.recorder.used(self.recorder.last_view)
        return Reading(
            self.name, self.boot + sum(moment.size.values()), self.boot + sum(moment.requested.values()), used,
            time.monotonic() - self.recorder.viewed, moment.resident, self.boot, self.boot + sum(self.most.values()), self.block,
        )  # fmt: skip

    def request(self, size: int) -> None:
        sizes = self.recorder.sizes
        for device, share in share_out(size - self.boot, self.most).items():
            if sizes.requested(device) != share:
                sizes.request(device, share)

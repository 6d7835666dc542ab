# SPDX-License-Identifier: BSD-2-Clause
"""The accesses and interrupts that a guest makes, from QEMU's trace: what KVM would charge a VM exit for.

    machine.extra += ARGUMENTS
    ...
    record = Record(qemu)
    (the host requests a size, the guest follows)
    events = until_done(record.events())
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Iterable

from .accesses import TRACE, Access, join_strings, parse_accesses
from .qemu import Qemu

ARGUMENTS = [*TRACE, "-d", "int"]
KINDS = ("virtio", "interrupt controller", "serial", "timer", "other")
_INTERRUPT = re.compile(r"^Servicing hardware INT=(0x[0-9a-f]+)$", re.MULTILINE)
_CONTROLLERS = ("pic", "ioapic", "apic-msi", "apic")
_TIMERS = ("pit", "hpet", "rtc", "acpi-tmr")
_APIC_TIMER = ("timer", "timer_count", "timer_now", "timer_divisor")


@dataclass(frozen=True)
class Interrupt:
    """A processor began to serve an interrupt; a sleeping one was woken by it."""

    vector: int


Event = Access | Interrupt


def parse_events(text: str) -> list[Event]:
    """The accesses and interrupts in the order of the trace; writes of one `rep outsb` are one access."""
    first, *others = _INTERRUPT.split(text)
    events: list[Event] = list(join_strings(parse_accesses(first)))
    for vector, part in zip(others[::2], others[1::2]):
        events.append(Interrupt(int(vector, 0)))
        events += join_strings(parse_accesses(part))
    return events


def kind_of(access: Access) -> str:
    """One of KINDS: for what a guest makes the access."""
    if access.is_virtio:
        return "virtio"
    if access.is_tick or access.device in _TIMERS or access.register in _APIC_TIMER:
        return "timer"
    if access.device in _CONTROLLERS:
        return "interrupt controller"
    return "serial" if access.device == "serial" else "other"


def by_kind(events: Iterable[Event]) -> Counter[str]:
    """How many accesses of each kind there are; and of interrupts, as "interrupts"."""
    return Counter("interrupts" if isinstance(event, Interrupt) else kind_of(event) for event in events)


def accesses_of(events: Iterable[Event]) -> int:
    return sum(isinstance(event, Access) for event in events)


def until_done(events: list[Event]) -> list[Event]:
    """The events up to the interrupt that comes after the guest's last access to a virtio device or the serial port."""
    done = max((i for i, event in enumerate(events)
                if isinstance(event, Access) and kind_of(event) in ("virtio", "serial")), default=-1)  # fmt: skip
    for i in range(done + 1, len(events)):
        if isinstance(events[i], Interrupt):
            return events[:i]
    return events


class Record:
    """What a machine with ARGUMENTS does from now on."""

    def __init__(self, qemu: Qemu):
        self._log = qemu.folder / "trace.log"
        self._start = self._log.stat().st_size

    def text(self) -> str:
        with open(self._log, "rb") as log:
            log.seek(self._start)
            return log.read().decode(errors="replace")

    def events(self) -> list[Event]:
        return parse_events(self.text())

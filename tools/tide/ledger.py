# SPDX-License-Identifier: BSD-2-Clause
"""A ledger of one resize: each access of the guest with its reason, as tables of docs/performance.md."""

import re
from typing import Iterable

from .accesses import Access
from .exits import KINDS, Event, Interrupt, by_kind, kind_of

_CONFIG = '"Memory Device: Device configuration layout"'
_I8259 = "8259A"
_APIC = "SDM 3A"
_UART = "16550"

# Why a guest makes an access, and what says so: a title of virtio 1.4, or the chip's data sheet.
REASONS: dict[tuple[str, str], tuple[str, str]] = {
    ("virtio-mem", "ISR"): ("whether the queue or the config has news; reading it lowers the line", '"ISR status capability"'),
    ("virtio-mem", "device_status"): ("whether the device needs a reset", '"Device Status Field"'),
    ("virtio-mem", "config_generation"): ("whether the config changed while it was read", '"Device Configuration Space"'),
    ("virtio-mem", "usable_region_size"): ("how far requests may reach; the host may have moved it", _CONFIG),
    ("virtio-mem", "plugged_size"): ("what the device counts as plugged", _CONFIG),
    ("virtio-mem", "requested_size"): ("what the host wants", _CONFIG),
    ("virtio-mem", "notify"): ("a request is in the queue", '"Available Buffer Notifications"'),
    ("pic", "command, master"): ("end of interrupt", f"{_I8259}, OCW2"),
    ("pic", "command, slave"): ("end of interrupt of a line above 7", f"{_I8259}, OCW2"),
    ("pic", "mask, master"): ("the line is masked, or let through again", f"{_I8259}, OCW1"),
    ("pic", "mask, slave"): ("the line is masked, or let through again", f"{_I8259}, OCW1"),
    ("ioapic", "select"): ("which register of the I/O APIC comes next", "82093AA, IOREGSEL"),
    ("ioapic", "window"): ("the redirection of a line", "82093AA, IOWIN"),
    ("apic-msi", "EOI"): ("end of interrupt", f'{_APIC}, "EOI Register"'),
    ("apic-msi", "trigger_mode"): ("whether the interrupt is of a level, as its end must be broadcast", f'{_APIC}, "Trigger Mode Register"'),
    ("apic-msi", "timer_count"): ("the next deadline", f'{_APIC}, "APIC Timer"'),
    ("apic-msi", "timer"): ("how the timer counts", f'{_APIC}, "APIC Timer"'),
    ("hpet", "counter"): ("the time", 'HPET, "Main Counter Value Register"'),
    ("pit", "counter"): ("the next deadline", "8254, counter 0"),
    ("pit", "mode"): ("how the counter counts", "8254, control word"),
    ("serial", "line_status"): ("whether there is room in the FIFO", f"{_UART}, LSR"),
    ("serial", "data"): ("letters of the line that Tide logs, at most 16", f"{_UART}, THR"),
    ("serial", "interrupts"): ("whether the port interrupts when there is room", f"{_UART}, IER"),
    ("serial", "fifo"): ("why the port interrupts", f"{_UART}, IIR"),
}  # fmt: skip


def reason_for(access: Access) -> tuple[str, str]:
    register = access.register.removesuffix(", high")
    try:
        return REASONS[access.device, register]
    except KeyError as error:
        raise ValueError(f"no reason is known for {access.device}, {register}: tools/tide/ledger.py has them") from error


def cause_of(events: list[Event], index: int) -> str:
    """Whose interrupt it is, by what the guest does until the next one."""
    for event in events[index + 1 :]:
        if isinstance(event, Interrupt):
            break
        if kind_of(event) in ("virtio", "timer", "serial"):
            return {"virtio": "the device has news", "timer": "a deadline is there", "serial": "the port has room"}[kind_of(event)]
    return "the device has answered"


def _number(value: int) -> str:
    return str(value) if value < 10 else hex(value)


def rows(events: list[Event]) -> list[str]:
    """The rows of a table, one for each event."""
    lines = []
    accesses = 0
    for index, event in enumerate(events):
        if isinstance(event, Interrupt):
            lines.append(f"| | **interrupt** | vector {event.vector:#x} | | {cause_of(events, index)} | |")
            continue
        accesses += 1
        why, clause = reason_for(event)
        if event.register.endswith(", high"):
            why = "its upper half"
        way = "write" if event.is_write else "read"
        lines.append(f"| {accesses} | {way} {event.device} | {event.register} | {_number(event.value)} | {why} | {clause} |")
    return lines


def table(guest: str, events: list[Event]) -> str:
    """One guest's ledger."""
    head = [f"| {guest} | access | register | value | why | clause |", "|---|---|---|---|---|---|"]
    return "\n".join(head + rows(events)) + "\n"


def totals(ledgers: dict[str, list[Event]]) -> str:
    """The counts of each guest, side by side."""
    counts = {guest: by_kind(events) for guest, events in ledgers.items()}
    lines = ["| accesses | " + " | ".join(counts) + " |", "|---|" + "---|" * len(counts)]
    for kind in (*KINDS, "interrupts"):
        if any(count[kind] for count in counts.values()):
            lines.append(f"| {kind} | " + " | ".join(str(count[kind]) for count in counts.values()) + " |")
    sums = [sum(count[kind] for kind in KINDS) for count in counts.values()]
    lines.insert(-1, "| **all accesses** | " + " | ".join(map(str, sums)) + " |")
    return "\n".join(lines) + "\n"


def render(versions: Iterable[str], ledgers: dict[str, list[Event]]) -> str:
    """What stands between two marks of the page."""
    parts = [f"Recorded on {', '.join(versions)}.\n", totals(ledgers)]
    parts += [table(guest, events) for guest, events in ledgers.items()]
    return "\n" + "\n".join(parts) + "\n"


def replaced(page: str, mode: str, content: str) -> str:
    """The page with the content between its marks for this way of interrupting."""
    marks = re.compile(rf"(<!-- make ledger: {re.escape(mode)} -->\n).*?(<!-- end -->\n)", re.DOTALL)
    if len(marks.findall(page)) != 1:
        raise ValueError(f"no place for the ledger: `<!-- make ledger: {mode} -->` to `<!-- end -->`, once")
    return marks.sub(lambda match: match[1] + content + match[2], page)

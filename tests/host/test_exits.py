# SPDX-License-Identifier: BSD-2-Clause
"""Accesses and interrupts in the order of QEMU's trace, and where a resize ends in it."""

from tide.accesses import Access
from tide.exits import Interrupt, accesses_of, by_kind, kind_of, parse_events, until_done

DUMP = """\
   101: v=2a e=0000 i=0 cpl=0 IP=0008:0000000000102241 pc=0000000000102241 SP=0010:00000000001c0f80
RAX=0000000000000000 RBX=0000000000106410 RCX=0000000000161990 RDX=0000000000000000
"""


def interrupt(vector: str) -> str:
    return f"Servicing hardware INT={vector}\n" + DUMP


def access(name: str, address: str, way: str = "read", value: str = "0x1", cpu: int = 0) -> str:
    return f"memory_region_ops_{way} cpu {cpu} mr 0x5645ef1a0680 addr {address} value {value} size 1 name '{name}'\n"


ISR = access("virtio-pci-isr-virtio-mem", "0xfebf9000")
EOI = access("pic", "0x20", "write", "0x62")
TICK = interrupt("0x20") + access("pic", "0x20", "write", "0x60")
LETTER = access("serial", "0x3f8", "write", "0x61")
STATUS = access("serial", "0x3fd")
RESIZE = "virtio_mem_resized_usable_region old_size=0x0new_size=0x50000000\n" + interrupt("0x2a") + ISR + EOI


def test_the_order_is_the_trace_s() -> None:
    events = parse_events(TICK + RESIZE)
    assert [event.vector if isinstance(event, Interrupt) else event.register for event in events] == [
        0x20, "command, master", 0x2A, "ISR", "command, master",
    ]  # fmt: skip
    assert accesses_of(events) == 3
    assert parse_events("") == []


def test_what_a_device_does_is_no_access() -> None:
    message = access("apic-msi", "0xfee01004", "write", "0x8026", cpu=-1)
    assert parse_events(message + interrupt("0x26")) == [Interrupt(0x26)]


def test_kinds() -> None:
    timer = access("apic-msi", "0xfee00380", "write") + access("hpet", "0xfed000f0") + access("pit", "0x40", "write")
    end = access("apic-msi", "0xfee000b0", "write") + access("ioapic", "0xfec00000", "write")
    events = parse_events(RESIZE + timer + end + STATUS + access("pci-conf-data", "0xcfc") + TICK)
    assert by_kind(events) == {
        "virtio": 1, "interrupt controller": 3, "timer": 4, "serial": 1, "other": 1, "interrupts": 2,
    }  # fmt: skip
    assert [kind_of(event) for event in events[1:3] if isinstance(event, Access)] == ["virtio", "interrupt controller"]


def test_letters_of_one_string_are_one_access() -> None:
    """Unless something comes between, an interrupt too."""
    assert by_kind(parse_events(STATUS + 16 * LETTER + STATUS + 3 * LETTER))["serial"] == 4
    assert by_kind(parse_events(STATUS + 8 * LETTER + TICK + 8 * LETTER))["serial"] == 3


def test_a_resize_ends_before_the_interrupt_that_follows_its_last_access() -> None:
    resize = parse_events(TICK + RESIZE)
    assert until_done(parse_events(TICK + RESIZE + TICK + TICK)) == resize
    assert until_done(parse_events(TICK + RESIZE)) == resize, "nothing follows"
    with_line = parse_events(RESIZE + TICK + STATUS + LETTER)
    assert until_done(parse_events(RESIZE + TICK + STATUS + LETTER + TICK)) == with_line


def test_without_an_access_the_first_interrupt_ends_it() -> None:
    assert until_done(parse_events(TICK + TICK)) == []

# SPDX-License-Identifier: BSD-2-Clause
"""tide-ring: a virtqueue, split or packed, and the requests in it. docs/virtqueue.md explains the parts."""

from typing import Iterator

import gdb

from . import guest

NEXT, WRITE, AVAIL, USED = 1, 2, 1 << 7, 1 << 15
UNWRITTEN = 0xFFFF  # request.c: what the driver writes where the device's answer goes


def _raw(value: gdb.Value) -> int:
    """A little-endian field of memory that the device shares."""
    return int(value["raw"])


def _at(address: int, type_name: str) -> gdb.Value:
    return gdb.Value(address).cast(gdb.lookup_type(type_name).pointer())


def _flags_text(flags: int) -> str:
    side = "the device writes" if flags & WRITE else "the device reads"
    return side + (", NEXT" if flags & NEXT else "")


def request_text(vmem: gdb.Value, token: gdb.Value) -> str:
    """The request that a buffer's token stands for, and its answer so far."""
    requests = vmem["requests"]
    slot = token.cast(gdb.lookup_type("struct vmem_slot").pointer())
    number = int(slot - requests["slots"][0].address)
    request, buffer = slot["request"], requests["buffers"][number]
    kind = guest.enum_name(request["type"], "VIRTIO_MEM_REQ_").replace("_", " ")
    first, nr_blocks = int(request["run"]["first"]), int(request["run"]["nr_blocks"])
    run = f" of blocks {first} to {first + nr_blocks - 1}" if nr_blocks else ""
    answer = _raw(buffer["response"]["type"])
    if answer == UNWRITTEN:
        return f"{kind}{run}, no answer yet"
    return f"{kind}{run}, answered with {answer} ({('ACK', 'NACK', 'BUSY', 'ERROR')[answer] if answer < 4 else '?'})"


# ---- split ----


def _split(queue: gdb.Value) -> Iterator[str]:
    size = int(queue["size"])
    avail = _at(guest.address_of(queue["driver_area"]), "struct split_avail").dereference()
    used = _at(guest.address_of(queue["device_area"]), "struct split_used").dereference()
    used_event = _at(guest.address_of(avail["ring"][size].address), "vmem_le16").dereference()
    avail_event = _at(guest.address_of(used["ring"][size].address), "vmem_le16").dereference()
    yield (f"available ring {guest.address_of(queue['driver_area']):#x}: index {_raw(avail['index'])}, "
           f"the driver has filled up to {int(queue['next_avail'])}; flags {_raw(avail['flags'])}, "
           f"used_event {_raw(used_event)}")  # fmt: skip
    yield (f"used ring {guest.address_of(queue['device_area']):#x}: index {_raw(used['index'])}, "
           f"the driver has taken up to {int(queue['next_used'])}; flags {_raw(used['flags'])}, "
           f"avail_event {_raw(avail_event)}")  # fmt: skip


def _split_chain(queue: gdb.Value, head: int) -> Iterator[str]:
    descriptors = _at(guest.address_of(queue["descriptors"]), "struct split_descriptor")
    number = head
    for _ in range(int(queue["slots"][head]["nr_descriptors"])):
        one = descriptors[number]
        yield f"descriptor {number}: {_raw(one['address']):#x}, {_raw(one['bytes'])} bytes, {_flags_text(_raw(one['flags']))}"
        number = int(queue["slots"][number]["next"])


# ---- packed ----


def _packed(queue: gdb.Value) -> Iterator[str]:
    for area, who in (("driver_area", "the driver wants"), ("device_area", "the device wants")):
        event = _at(guest.address_of(queue[area]), "struct packed_event").dereference()
        yield (f"event suppression {guest.address_of(queue[area]):#x}, what {who}: "
               f"flags {_raw(event['flags'])}, position and wrap {_raw(event['position_wrap']):#x}")  # fmt: skip
    yield (f"the driver fills position {int(queue['next_avail'])} next, wrap counter {int(queue['avail_wrap'])}; "
           f"it looks for used at {int(queue['next_used'])}, wrap counter {int(queue['used_wrap'])}")  # fmt: skip


def _packed_ring(queue: gdb.Value) -> Iterator[str]:
    """The descriptors from the next one to be used to the next one to be filled."""
    ring = _at(guest.address_of(queue["descriptors"]), "struct packed_descriptor")
    size, first = int(queue["size"]), int(queue["next_used"])
    for i in range(size - int(queue["nr_free"])):
        position = (first + i) % size
        one, flags = ring[position], _raw(ring[position]["flags"])
        marks = f"AVAIL {flags // AVAIL & 1}, USED {flags // USED & 1}"
        yield (f"descriptor {position}: {_raw(one['address']):#x}, {_raw(one['bytes'])} bytes, "
               f"id {_raw(one['id'])}, {marks}, {_flags_text(flags)}")  # fmt: skip


def describe(name: str, vmem: gdb.Value) -> None:
    """Print the queue of one device."""
    if not guest.address_of(vmem["requests"]["queue"]):
        print(f"{name}: no queue: the device is reset")
        return
    queue = vmem["requests"]["queue"].dereference()
    kind = queue["format"]["name"].string()
    size, nr_free = int(queue["size"]), int(queue["nr_free"])
    event_idx = ", EVENT_IDX" if queue["event_idx"] else ""
    print(f"{name}: queue {int(queue['index'])}, {kind} ring of {size} entries at "
          f"{guest.address_of(queue['descriptors']):#x}{event_idx}")  # fmt: skip
    print(f"  {int(queue['outstanding'])} buffers outstanding, {nr_free} descriptors free, "
          f"{int(queue['nr_added'])} added and not yet published")  # fmt: skip
    for line in (_split if kind == "split" else _packed)(queue):
        print(f"  {line}")
    for buffer_id in range(size):
        slot = queue["slots"][buffer_id]
        if not int(slot["nr_descriptors"]):
            continue
        print(f"  buffer {buffer_id}: {request_text(vmem, slot['token'])}")
        for line in _split_chain(queue, buffer_id) if kind == "split" else ():
            print(f"    {line}")
    for line in _packed_ring(queue) if kind != "split" else ():
        print(f"  {line}")

# SPDX-License-Identifier: BSD-2-Clause
"""Each access of the guest to a device, from QEMU's trace: what KVM would charge a VM exit for.

The trace is written by `-trace memory_region_ops_*` (TRACE below). A line of it is one access of
a vCPU, or with cpu -1 of a device, as when one writes the message of its interrupt: that is none.
It does not show what KVM serves without an exit, nor a model-specific register.

    start = log.stat().st_size
    ...
    count(read_accesses(log, start), "virtio-mem")
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable

TRACE = ["-trace", "memory_region_ops_*"]

_LINE = re.compile(
    r"memory_region_ops_(read|write) cpu (-?\d+) mr (\S+) addr (0x[0-9a-f]+)"
    r" value (0x[0-9a-f]+) size (\d+) name '([^']*)'"
)
# QEMU's four structures of a virtio function, by the pages of its BAR; then the device's name.
_VIRTIO = re.compile(r"virtio-pci-(common|isr|device|notify)(?:-(.+))?")
_PAGE = 0x1000
_APIC = 0xFEE00000

_COMMON = {
    0x00: "device_feature_select", 0x04: "device_feature", 0x08: "driver_feature_select",
    0x0C: "driver_feature", 0x10: "config_msix_vector", 0x12: "num_queues", 0x14: "device_status",
    0x15: "config_generation", 0x16: "queue_select", 0x18: "queue_size", 0x1A: "queue_msix_vector",
    0x1C: "queue_enable", 0x1E: "queue_notify_off", 0x20: "queue_desc", 0x24: "queue_desc, high",
    0x28: "queue_driver", 0x2C: "queue_driver, high", 0x30: "queue_device", 0x34: "queue_device, high",
}  # fmt: skip
_MEMORY_CONFIG = ("block_size", "node_id", "addr", "region_size", "usable_region_size", "plugged_size", "requested_size")
_PORTS = {
    "pic": {0x20: "command, master", 0x21: "mask, master", 0xA0: "command, slave", 0xA1: "mask, slave"},
    "serial": {0x3F8: "data", 0x3F9: "interrupts", 0x3FA: "fifo", 0x3FB: "line_control",
               0x3FC: "modem_control", 0x3FD: "line_status", 0x3FF: "scratch"},
    "pit": {0x40: "counter", 0x43: "mode"},
    "hpet": {0xFED000F0: "counter"},
    "ioapic": {0xFEC00000: "select", 0xFEC00010: "window"},
    "apic-msi": {0xFEE000B0: "EOI", 0xFEE00300: "command", 0xFEE00310: "command, high",
                 0xFEE00190: "trigger_mode", 0xFEE00320: "timer", 0xFEE00380: "timer_count", 0xFEE003E0: "timer_divisor"},
}  # fmt: skip


@dataclass(frozen=True)
class Access:
    """One access. device is QEMU's name of it, of a virtio device the device's ("virtio-mem")."""

    cpu: int
    device: str
    register: str  # by the specification's name, else its address
    is_write: bool
    value: int
    region: str  # QEMU's pointer: tells two devices of one kind apart

    @property
    def is_virtio(self) -> bool:
        return self.device.startswith("virtio-")

    @property
    def is_tick(self) -> bool:
        """The end of a tick of the PIT, which no device asked for."""
        return (self.device, self.register, self.value) == ("pic", "command, master", 0x60)


def _virtio_register(structure: str, device: str, offset: int) -> str:
    if structure == "common":
        return _COMMON.get(offset, hex(offset))
    if structure == "device" and device == "virtio-mem" and offset < 8 * len(_MEMORY_CONFIG):
        return _MEMORY_CONFIG[offset // 8] + (", high" if offset % 8 == 4 else "")
    return {"isr": "ISR", "notify": "notify"}.get(structure, f"config {offset:#x}")


def _name(region: str, address: int) -> tuple[str, str]:
    """The device and the register."""
    virtio = _VIRTIO.fullmatch(region)
    if not virtio:
        return region, _PORTS.get(region, {}).get(address, hex(address))
    device = virtio[2] or "virtio"
    return device, _virtio_register(virtio[1], device, address % _PAGE)


def _is_message(region: str, address: int) -> bool:
    """Whether a write is an interrupt's message: a device may send it while it serves a vCPU's access."""
    return region == "apic-msi" and not 0x10 <= address - _APIC < _PAGE


def parse_accesses(text: str) -> list[Access]:
    """The accesses of vCPUs, in the order of the trace; other lines are passed over."""
    accesses = []
    for way, cpu, pointer, address, value, _, region in _LINE.findall(text):
        if int(cpu) >= 0 and not _is_message(region, int(address, 0)):
            device, register = _name(region, int(address, 0))
            accesses.append(Access(int(cpu), device, register, way == "write", int(value, 0), pointer))
    return accesses


def read_accesses(path: Path, start: int = 0, end: int | None = None) -> list[Access]:
    """Those of the part of a trace file from byte `start` on, up to `end`."""
    data = path.read_bytes()[start:end]
    return parse_accesses(data.decode(errors="replace"))


def join_strings(accesses: Iterable[Access]) -> list[Access]:
    """Writes to the serial port's data that follow each other are one `rep outsb`: the first stands for all."""
    joined: list[Access] = []
    was_data = False
    for access in accesses:
        is_data = access.is_write and (access.device, access.register) == ("serial", "data")
        if not (is_data and was_data):
            joined.append(access)
        was_data = is_data
    return joined


def by_register(accesses: Iterable[Access]) -> Counter[tuple[str, str, str]]:
    """How many of each (device, register, "read" or "write")."""
    return Counter((a.device, a.register, "write" if a.is_write else "read") for a in accesses)


def count(accesses: Iterable[Access], device: str | None = None) -> int:
    """How many there are of a device; of every one without."""
    return sum(device in (None, access.device) for access in accesses)

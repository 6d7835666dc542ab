# SPDX-License-Identifier: BSD-2-Clause
"""The sizes of a machine's devices, whatever mechanism changes them.

A scenario's [[device]] is memory beyond boot memory that comes and goes. With virtio-mem it is a device of QEMU. With
the balloon it is boot memory, of which the balloon takes what is not requested. With reporting alone it is boot memory
that stays, and of which the guest tells the host what is free.
"""

from typing import Any

from tide.balloon import balloon_size
from tide.machine import MemDevice
from tide.qmp import Qmp, QmpError
from tide.trace import Request

BALLOON = "balloon0"


def balloon_arguments(mechanism: str) -> list[str]:
    """QEMU's options for the balloon that the mechanism needs."""
    if mechanism == "virtio-mem":
        return []
    return ["-device", f"virtio-balloon-pci,id={BALLOON}" + (",free-page-reporting=on" if "reporting" in mechanism else "")]


def what_guest_lacks(mechanism: str, qmp: Qmp) -> str | None:
    """What the guest's drivers do not do of the mechanism, by what QEMU knows of the balloon; None if nothing."""
    if mechanism == "virtio-mem":
        return None
    try:
        device = qmp.execute("x-query-virtio-status", path=f"/machine/peripheral/{BALLOON}/virtio-backend")
    except QmpError:
        return None  # a QEMU that cannot tell
    if not any("DRIVER_OK" in status for status in device["status"]["statuses"]):
        return f'mechanism = "{mechanism}": the guest has no driver for the balloon'
    features = device["guest-features"].get("dev-features", [])
    if "reporting" in mechanism and not any("F_REPORTING" in feature for feature in features):
        return f'mechanism = "{mechanism}": the guest\'s driver does not report free pages'
    return None


class VirtioMemSizes:
    """Devices of QEMU's own."""

    inflated = 0  # boot memory that the guest does not have

    def __init__(self, qemu: Any, devices: list[MemDevice]):
        self.qemu = qemu
        self.devices = devices

    def requested(self, device: str) -> int:
        return int(self.qemu.requested(device))

    def size(self, device: str) -> int:
        return int(self.qemu.size(device))

    def request(self, device: str, size: int) -> None:
        self.qemu.set_requested(device, size)

    def requests(self, device: MemDevice, listed: list[Request]) -> list[Request]:
        """Those of QEMU's trace that are of this device, told apart by address."""
        base = self.qemu.qmp.get(device.id, "memaddr")
        return [one for one in listed if one.addr is None or base <= one.addr < base + device.size]


class BootSizes:
    """One device that is boot memory: with reporting alone all of it is always there."""

    def __init__(self, qemu: Any, devices: list[MemDevice]):
        self.qemu = qemu
        self.devices = devices
        self._requested = devices[0].size
        self.boot = qemu.machine.memory - devices[0].size  # what stays in any case

    @property
    def inflated(self) -> int:
        return self.devices[0].size - self.size(self.devices[0].id)

    def requested(self, _: str) -> int:
        return self._requested

    def size(self, _: str) -> int:
        return self.devices[0].size

    def request(self, _: str, size: int) -> None:
        """Nothing can be requested of a guest that only reports."""

    def requests(self, *_: Any) -> list[Request]:
        """The trace has none of virtio-mem's."""
        return []


class BalloonSizes(BootSizes):
    """What the balloon leaves of that memory. A balloon that takes boot memory, too, leaves less than nothing: 0."""

    def size(self, _: str) -> int:
        return max(balloon_size(self.qemu.qmp) - self.boot, 0)

    def request(self, _: str, size: int) -> None:
        self._requested = size
        self.qemu.qmp.execute("balloon", value=self.boot + size)


Sizes = VirtioMemSizes | BootSizes
_KINDS: dict[str, type[VirtioMemSizes] | type[BootSizes]] = {"balloon": BalloonSizes, "reporting": BootSizes}


def sizes_of(mechanism: str, qemu: Any, devices: list[MemDevice]) -> Sizes:
    return _KINDS.get(mechanism, VirtioMemSizes)(qemu, devices)

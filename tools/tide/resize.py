# SPDX-License-Identifier: BSD-2-Clause
"""The virtio-mem devices of a QEMU, and sizes as a person asks for them: 512M, +1G, -256M, 50%, max."""

import re
from dataclasses import dataclass

from .qmp import Qmp, QmpError
from .units import format_size, parse_size

_CHANGE = re.compile(r"([+\-\N{MINUS SIGN}]?)(.+?)(%?)")


class Mistake(ValueError):
    """The request cannot be granted; the message says what was found and what is allowed."""


class Refused(Exception):
    """QEMU or the guest did not do it; the message has QEMU's own words."""


@dataclass(frozen=True)
class DeviceView:
    """One virtio-mem device as QEMU sees it; sizes in bytes."""

    name: str
    requested: int
    size: int
    max: int
    block: int
    node: int
    address: int

    def allowed(self) -> str:
        return f"0 to {format_size(self.max)} in multiples of {format_size(self.block)}"

    def __str__(self) -> str:
        state = "" if self.size == self.requested else "  (not there yet)"
        return (f"{self.name}: requested {format_size(self.requested)}, plugged {format_size(self.size)} "
                f"of at most {format_size(self.max)}{state}")  # fmt: skip


def list_devices(qmp: Qmp) -> list[DeviceView]:
    """Every virtio-mem device, in QEMU's order."""
    views = []
    for entry in qmp.execute("query-memory-devices"):
        if entry["type"] == "virtio-mem":
            data = entry["data"]
            views.append(DeviceView(
                data.get("id") or "(no id)", data["requested-size"], data["size"], data["max-size"],
                data["block-size"], data["node"], data["memaddr"]))  # fmt: skip
    return views


def find_device(qmp: Qmp, name: str | None) -> DeviceView:
    """The device of that name, or the only one there is."""
    views = list_devices(qmp)
    names = ", ".join(view.name for view in views)
    if not views:
        raise Refused("this QEMU has no virtio-mem device")
    if name is None and len(views) > 1:
        raise Mistake(f"there are {len(views)} devices: name one of {names}")
    for view in views:
        if name in (None, view.name):
            return view
    raise Mistake(f"there is no virtio-mem device '{name}'; there is {names}")


def target_size(text: str, device: DeviceView) -> int:
    """The bytes that `text` asks for; a percentage in whole blocks. Whether they suit, QEMU says."""
    text = text.strip()
    if text.lower() == "max":
        return device.max
    match = _CHANGE.fullmatch(text)
    sign, number, percent = match.groups() if match else ("", text, "")
    try:
        if percent:
            share = float(number)
            if not 0 <= share <= 100:
                raise ValueError
            size = int(device.max * share / 100) // device.block * device.block
        else:
            size = parse_size(number)
    except ValueError as error:
        raise Mistake(f"'{text}' is not a size; expected 512M, +1G, -256M or 50%") from error
    if sign:
        size = device.requested + (size if sign == "+" else -size)
    if size < 0:
        raise Mistake(f"{text} would be {format_size(size)}; {device.name} takes {device.allowed()}")
    return size


def request(qmp: Qmp, device: DeviceView, size: int) -> None:
    """Set the device's requested-size."""
    try:
        qmp.set(device.name, "requested-size", size)
    except QmpError as error:
        raise Refused(f"QEMU said: {error}\n{device.name} takes {device.allowed()}") from error

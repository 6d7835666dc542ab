# SPDX-License-Identifier: BSD-2-Clause
"""A size as a person asks for it, of a device that has one: 512M, +1G, -256M, 50%, max."""

from dataclasses import dataclass

from .qmp import Qmp
from .units import format_size, parse_size


@dataclass(frozen=True)
class DeviceView:
    """One virtio-mem device as QEMU sees it, in bytes."""

    id: str
    requested: int
    size: int
    max_size: int
    block: int
    memaddr: int
    node: int


def list_devices(qmp: Qmp) -> list[DeviceView]:
    """Every virtio-mem device, in QEMU's order."""
    views = []
    for entry in qmp.execute("query-memory-devices"):
        if entry["type"] == "virtio-mem":
            data = entry["data"]
            views.append(DeviceView(
                data.get("id", ""), data["requested-size"], data["size"], data["max-size"],
                data["block-size"], data["memaddr"], data["node"]))  # fmt: skip
    return views


def find_device(qmp: Qmp, name: str | None) -> DeviceView:
    """The device of that id, or the only one there is."""
    views = list_devices(qmp)
    names = ", ".join(view.id for view in views) or "none"
    if name is None:
        if len(views) != 1:
            raise ValueError(f"say which device: there is {names}")
        return views[0]
    for view in views:
        if view.id == name:
            return view
    raise ValueError(f"there is no device '{name}': there is {names}")


def target_size(text: str, device: DeviceView) -> int:
    """What `text` asks for: SIZE, +SIZE, -SIZE, PERCENT% or max, in whole blocks for a percentage."""
    text = text.strip()
    if text.lower() == "max":
        return device.max_size
    if text.endswith("%"):
        try:
            share = float(text[:-1]) / 100
        except ValueError:
            raise ValueError(f"'{text}' is not a percentage") from None
        size = round(device.max_size * share / device.block) * device.block
    elif text[:1] in ("+", "-"):
        change = parse_size(text[1:])
        size = device.requested + (change if text[0] == "+" else -change)
    else:
        size = parse_size(text)
    if not 0 <= size <= device.max_size or size % device.block:
        raise ValueError(
            f"'{text}' gives {format_size(size)}; allowed is 0 to {format_size(device.max_size)} "
            f"in steps of {format_size(device.block)}"
        )
    return size


def describe(device: DeviceView) -> str:
    """One line on a device."""
    return (
        f"{device.id}: requested {format_size(device.requested)}, plugged {format_size(device.size)}, "
        f"of {format_size(device.max_size)} in blocks of {format_size(device.block)}, "
        f"at {device.memaddr:#x}, node {device.node}"
    )

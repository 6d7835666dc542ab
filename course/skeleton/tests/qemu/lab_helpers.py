# SPDX-License-Identifier: BSD-2-Clause
"""A resize that fails as soon as the guest says that it will not come: a lab's tests do not wait for what is over."""

from tide.qemu import Qemu


def resize(qemu: Qemu, device: str, size: int) -> None:
    """Ask for a size; guest and host must both have it at the end."""
    assert f"{device}: " in qemu.guest.command("status"), f"the kernel has no device {device}"
    mark = qemu.guest.console.mark()
    qemu.set_requested(device, size)
    said = qemu.guest.console.wait(rf"^(?:tide> )*{device}: (settled requested={size} .*|(?:error|warning): .*)\n", mark)
    assert said.group(1).startswith("settled "), said.group(1)
    assert f" plugged={size} " in said.group(1), "the guest's own count"
    assert qemu.size(device) == size, "QEMU's count"
    assert qemu.guest.command("stats check") == "stats: check: ok\n"

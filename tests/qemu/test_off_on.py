# SPDX-License-Identifier: BSD-2-Clause
"""`off` lets go of a device, with all its memory given back; `on` uses it again."""

from helpers import Boot, resize, switch_off
from tide.machine import MemDevice
from tide.units import GIB, MIB


def test_off_and_on(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"), MemDevice("vmem1"))
    resize(qemu, "vmem0", 512 * MIB)
    resize(qemu, "vmem1", 256 * MIB)
    switch_off(qemu, "vmem0")
    assert qemu.size("vmem0") == 0
    status = qemu.guest.command("status")
    assert "vmem0" not in status and "vmem1" in status
    resize(qemu, "vmem1", GIB)

    qemu.set_requested("vmem0", 128 * MIB)  # while nobody listens
    qemu.guest.command("rescan")
    assert qemu.size("vmem0") == 0, "a rescan does not switch it on"
    mark = qemu.guest.console.mark()
    assert "on: vmem0 is on" in qemu.guest.command("on vmem0")
    qemu.guest.wait_settled("vmem0", 128 * MIB, mark)
    assert qemu.size("vmem0") == 128 * MIB
    resize(qemu, "vmem0", 0)
    resize(qemu, "vmem1", 0)


def test_off_is_refused_while_pages_are_in_use(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"))
    resize(qemu, "vmem0", 512 * MIB)
    qemu.guest.command("alloc 100M")
    assert "error: off: vmem0: pages of it are in use" in qemu.guest.command("off vmem0")
    resize(qemu, "vmem0", GIB)  # it follows the host as before
    qemu.guest.command("free")
    switch_off(qemu, "vmem0")
    assert qemu.size("vmem0") == 0
    assert "error: off: vmem0 is off already" in qemu.guest.command("off vmem0")
    assert "error: on: 'vmem9': expected" in qemu.guest.command("on vmem9")

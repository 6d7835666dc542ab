# SPDX-License-Identifier: BSD-2-Clause
"""savevm and loadvm: the guest goes back in time, and the device with it.

The image for the snapshots is made by QEMU itself. After going back, guest and host must agree
again: sizes, contents, and every resize that follows.
"""

from pathlib import Path

import pytest
from helpers import Boot, nr_requests, resize
from tide.machine import MemDevice
from tide.qemu import Qemu
from tide.snapshots import add_image, load, save
from tide.units import GIB, MIB


def expect_agreement(qemu: Qemu, size: int) -> None:
    """The guest's block map is what the device says, block by block, and the host's count."""
    assert qemu.size("vmem0") == size
    place = qemu.guest.send("verify")
    qemu.guest.console.wait(r"^(?:tide> )*vmem0: verify blocks=\d+ corrected=0 ", place)
    assert f"plugged={size}" in qemu.guest.command("status")


@pytest.mark.parametrize("machine", ["q35", "pc"])
@pytest.mark.parametrize("later", [0, 256 * MIB, GIB])
def test_back_to_512_mib(boot: Boot, folder: Path, machine: str, later: int) -> None:
    qemu = boot(MemDevice("vmem0"), type=machine)
    add_image(qemu, folder / "snapshots.qcow2")
    resize(qemu, "vmem0", 512 * MIB)
    assert "alloc: 0: 48M" in qemu.guest.command("alloc 48M")
    qemu.guest.command("fill")
    save(qemu, "half")

    qemu.guest.command("free")
    resize(qemu, "vmem0", later)
    for _ in range(2):  # the same places, other contents
        qemu.guest.command("alloc 24M")
        qemu.guest.command("fill")

    load(qemu, "half")
    assert qemu.requested("vmem0") == 512 * MIB
    assert "check: ok: 0: 48M" in qemu.guest.command("check all")
    expect_agreement(qemu, 512 * MIB)
    resize(qemu, "vmem0", 2 * GIB)
    qemu.guest.command("free")
    resize(qemu, "vmem0", 2 * MIB)
    resize(qemu, "vmem0", 0)
    expect_agreement(qemu, 0)


def test_many_times(boot: Boot, folder: Path) -> None:
    qemu = boot(MemDevice("vmem0"), cpus=2)
    add_image(qemu, folder / "snapshots.qcow2")
    sizes = {"small": 64 * MIB, "none": 0, "large": GIB, "odd": 402 * MIB}
    for tag, size in sizes.items():
        if size != qemu.requested("vmem0"):
            resize(qemu, "vmem0", size)
        save(qemu, tag)
    for tag in ("large", "small", "odd", "none", "odd", "large"):
        load(qemu, tag)
        expect_agreement(qemu, sizes[tag])
        resize(qemu, "vmem0", 128 * MIB)


def test_a_wish_that_the_guest_has_not_seen(boot: Boot, folder: Path) -> None:
    """Saved with the interrupt of a new size on its way."""
    qemu = boot(MemDevice("vmem0"))
    add_image(qemu, folder / "snapshots.qcow2")
    resize(qemu, "vmem0", 512 * MIB)
    qemu.qmp.execute("stop")
    qemu.set_requested("vmem0", GIB)
    save(qemu, "asked")
    qemu.qmp.execute("cont")
    qemu.wait_size("vmem0", GIB)
    for _ in range(2):
        resize(qemu, "vmem0", 2 * MIB)
        place = qemu.guest.console.mark()
        qemu.qmp.execute("stop")
        load(qemu, "asked")
        assert not qemu.qmp.execute("query-status")["running"]
        assert qemu.size("vmem0") == 512 * MIB
        qemu.qmp.execute("cont")
        qemu.guest.wait_settled("vmem0", GIB, place)
        expect_agreement(qemu, GIB)


def test_in_the_middle_of_a_shrink(boot: Boot, folder: Path) -> None:
    """Some blocks have gone, pages in use keep the others: the rest goes after going back, too."""
    qemu = boot(MemDevice("vmem0"))
    add_image(qemu, folder / "snapshots.qcow2")
    resize(qemu, "vmem0", GIB)
    assert "alloc: 0: 300M" in qemu.guest.command("alloc 300M")
    qemu.guest.command("fill")
    qemu.set_requested("vmem0", 64 * MIB)
    qemu.guest.console.wait(r"requested=67108864 .* stay plugged while pages in them are in use")
    there = qemu.size("vmem0")
    assert 300 * MIB <= there < GIB
    save(qemu, "middle")
    for _ in range(2):
        place = qemu.guest.console.mark()
        qemu.guest.command("free")
        qemu.guest.wait_settled("vmem0", 64 * MIB, place)
        resize(qemu, "vmem0", 0)
        load(qemu, "middle")
        assert "check: ok: 0: 300M" in qemu.guest.command("check")
        expect_agreement(qemu, there)
    place = qemu.guest.console.mark()
    qemu.guest.command("free")
    qemu.guest.wait_settled("vmem0", 64 * MIB, place)
    expect_agreement(qemu, 64 * MIB)


def test_saved_among_requests(boot: Boot, folder: Path) -> None:
    """Wherever a scattered resize stands when it is saved, it is finished afterwards."""
    qemu = boot(MemDevice("vmem0", size=GIB))
    add_image(qemu, folder / "snapshots.qcow2")
    resize(qemu, "vmem0", 256 * MIB)
    qemu.guest.command("alloc 4K 100")
    qemu.guest.command("alloc 2M 60")
    before = nr_requests(qemu)
    place = qemu.guest.console.mark()
    qemu.set_requested("vmem0", GIB)
    qemu.wait_for(lambda: nr_requests(qemu) > before, "a request")
    save(qemu, "then")
    qemu.guest.wait_settled("vmem0", GIB, place)
    resize(qemu, "vmem0", 300 * MIB)
    load(qemu, "then")
    qemu.wait_size("vmem0", GIB)
    expect_agreement(qemu, GIB)

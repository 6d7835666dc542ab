# SPDX-License-Identifier: BSD-2-Clause
"""Several devices at once, and the slots that the user names."""

import pytest
from helpers import Boot, resize
from tide.machine import MemDevice
from tide.units import GIB, MIB

BALLOON = "virtio-balloon-pci,addr=5"


@pytest.mark.parametrize("blocks", [(2 * MIB, 128 * MIB), (128 * MIB, GIB), (GIB, 2 * MIB)])
@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_two_devices_with_their_own_blocks(
    boot: Boot, machine: str, blocks: tuple[int, int]
) -> None:
    devices = [MemDevice(f"vmem{i}", size=4 * GIB, block=b, addr=str(8 + i))
               for i, b in enumerate(blocks)]  # fmt: skip
    qemu = boot(*devices, type=machine)
    for first, second in ((1, 0), (3, 2), (3, 4), (0, 1), (0, 0)):
        for device, size in zip(devices, (first * GIB, second * GIB)):
            if qemu.requested(device.id) != size:
                resize(qemu, device.id, size)
        assert [qemu.size(device.id) for device in devices] == [first * GIB, second * GIB]


def test_both_asked_at_the_same_time(boot: Boot) -> None:
    devices = [MemDevice(f"vmem{i}", size=2 * GIB, addr=str(8 + i)) for i in range(2)]
    qemu = boot(*devices)
    for sizes in ((GIB, 2 * GIB), (2 * GIB, 0), (0, GIB)):
        for device, size in zip(devices, sizes):
            qemu.set_requested(device.id, size)
        for device, size in zip(devices, sizes):
            qemu.wait_size(device.id, size)


def test_eight_devices(boot: Boot) -> None:
    devices = [MemDevice(f"vmem{i}", size=256 * MIB, addr=str(8 + i)) for i in range(8)]
    qemu = boot(*devices)
    for i, device in enumerate(devices):
        resize(qemu, device.id, (i + 1) * 2 * MIB)
    for i, device in enumerate(devices):
        assert qemu.size(device.id) == (i + 1) * 2 * MIB


def test_slot_picks_one_of_two(boot: Boot) -> None:
    devices = [MemDevice(f"dimm{i}", size=GIB, addr=str(4 + i)) for i in range(2)]
    qemu = boot(*devices, type="pc", append="virtio_mem.slot=05")
    for device in devices:
        qemu.set_requested(device.id, 512 * MIB)
    qemu.guest.wait_settled("vmem0", 512 * MIB)
    assert qemu.size("dimm1") == 512 * MIB
    assert qemu.size("dimm0") == 0, "the other device is left alone"


@pytest.mark.parametrize("slot", ["4", "04.0", "00:04.0", "0000:00:04.0"])
def test_slot_may_be_written_in_four_ways(boot: Boot, slot: str) -> None:
    qemu = boot(MemDevice("vmem0", size=GIB, addr="4"), type="pc", extra=["-device", BALLOON],
                append=f"virtio_mem.slot={slot}")  # fmt: skip
    resize(qemu, "vmem0", 128 * MIB)


def test_two_slots(boot: Boot) -> None:
    devices = [MemDevice(f"vmem{i}", size=GIB, addr=str(4 + i)) for i in range(2)]
    qemu = boot(*devices, type="pc", append="virtio_mem.slot=4 virtio_mem.slot=5")
    for device in devices:
        resize(qemu, device.id, 512 * MIB)


def test_balloon_beside_it(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", addr="4"), type="pc", extra=["-device", BALLOON])
    resize(qemu, "vmem0", GIB)


@pytest.mark.parametrize("legacy", ["on", "off"])
def test_balloon_at_the_configured_slot(boot: Boot, legacy: str) -> None:
    """Both as a modern function (1af4:1045) and as a transitional one (1af4:1002)."""
    balloon = f"{BALLOON},disable-legacy={legacy}"
    qemu = boot(MemDevice("vmem0", addr="4"), type="pc", extra=["-device", balloon],
                append="virtio_mem.slot=5")  # fmt: skip
    pattern = r"error: virtio_mem\.slot=0000:00:05\.0: 1af4:10\w\w there is a virtio balloon"
    qemu.guest.console.wait(pattern)
    qemu.set_requested("vmem0", GIB)
    assert "no virtio-mem device" in qemu.guest.command("status")
    assert qemu.size("vmem0") == 0


def test_nothing_at_the_configured_slot(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", addr="4"), type="pc", append="virtio_mem.slot=17")
    qemu.guest.console.wait(r"error: virtio_mem\.slot=0000:00:17\.0: no device")


def test_a_bridge_at_the_configured_slot(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", addr="4"), type="pc", append="virtio_mem.slot=0")
    qemu.guest.console.wait(r"error: virtio_mem\.slot=0000:00:00\.0: 8086:\w+ .*not a virtio-mem")


def test_no_device_at_all(boot: Boot) -> None:
    """The kernel is still a kernel: it gets ready and its monitor answers."""
    qemu = boot()
    assert "no virtio-mem device" in qemu.guest.command("status")
    assert "host bridge" in qemu.guest.command("devices")

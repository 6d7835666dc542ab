# SPDX-License-Identifier: BSD-2-Clause
"""Every ring and feature that QEMU can be told to offer, over PCI and over MMIO."""

from typing import Any

import pytest
from helpers import Boot, requests_of, resize
from tide.machine import MemDevice
from tide.units import GIB, MIB

SIZES = (512 * MIB, GIB, 64 * MIB, 0)
REPLIES = [("plug", "ack"), ("plug", "ack"), ("unplug", "ack"), ("unplug", "ack")]

# id -> (options of -device, features that must be accepted, those that must not)
OFFERS: dict[str, tuple[dict[str, str], str, str]] = {
    "default": ({}, "EVENT_IDX VERSION_1", "INDIRECT_DESC RING_PACKED ACCESS_PLATFORM"),
    "no-event-idx": ({"event_idx": "off"}, "VERSION_1", "EVENT_IDX"),
    "packed": ({"packed": "on"}, "RING_PACKED EVENT_IDX", "INDIRECT_DESC"),
    "packed-no-event-idx": ({"packed": "on", "event_idx": "off"}, "RING_PACKED", "EVENT_IDX"),
    "access-platform": ({"iommu_platform": "on"}, "ACCESS_PLATFORM", "RING_PACKED"),
    "in-order": ({"in_order": "on"}, "EVENT_IDX", "IN_ORDER"),
    "packed-access-platform": (
        {"packed": "on", "iommu_platform": "on"}, "RING_PACKED ACCESS_PLATFORM", "",
    ),
}  # fmt: skip


def accepted(text: str) -> set[str]:
    """The names in the line that says what was negotiated."""
    line = next(line for line in text.splitlines() if "vmem0: features " in line)
    return set(line.split("vmem0: features ")[1].split(";")[0].split())


@pytest.mark.parametrize("irq", ("auto", "poll"))
@pytest.mark.parametrize("name", OFFERS)
def test_ring_features(boot: Boot, qemu_version: tuple[int, ...], name: str, irq: str) -> None:
    options, taken, left = OFFERS[name]
    if "in_order" in options and qemu_version < (10, 0):
        pytest.skip("virtio-mem-pci does not offer IN_ORDER before QEMU 10")
    qemu = boot(MemDevice("vmem0", size=GIB, options=options), append=f"virtio_mem.irq={irq} log=vmem:debug")
    features = accepted(qemu.guest.console.text)
    assert features >= set(taken.split())
    assert not features & set(left.split())
    for size in SIZES:
        assert resize(qemu, "vmem0", size).requests == 1
    assert requests_of(qemu) == REPLIES


# vectors of the device -> what the guest uses
@pytest.mark.parametrize("vectors, mode", [(0, "intx"), (1, "msix"), (2, "msix"), (4, "msix")])
def test_vectors(boot: Boot, qemu_version: tuple[int, ...], vectors: int, mode: str) -> None:
    if qemu_version < (8, 0):
        pytest.skip("virtio-mem-pci has no MSI-X before QEMU 8.0")
    qemu = boot(
        MemDevice("vmem0", size=GIB, options={"vectors": str(vectors)}), append="log=vmem:debug"
    )
    for size in SIZES:
        resize(qemu, "vmem0", size)
    assert f"irq={mode}" in qemu.guest.command("status")
    used = min(vectors, 2)
    name = "MSI-X" if used else "INTx"
    assert f"interrupts by {name}, {used} vectors" in qemu.guest.console.text


def test_features_switched_off(boot: Boot) -> None:
    qemu = boot(
        MemDevice("vmem0", size=GIB, options={"packed": "on"}),
        append="virtio.features=-packed,-event_idx log=vmem:debug",
    )
    features = accepted(qemu.guest.console.text)
    assert not features & {"RING_PACKED", "EVENT_IDX"}
    assert "offered and not accepted INDIRECT_DESC EVENT_IDX RING_PACKED" in qemu.guest.console.text
    for size in SIZES:
        resize(qemu, "vmem0", size)


def test_a_feature_that_cannot_be_missed(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", size=GIB), append="virtio.features=-version_1")
    assert "it does not offer what the driver needs: VERSION_1" in qemu.guest.console.text


def microvm(device: str, **more: Any) -> dict[str, Any]:
    """A machine without PCI: QEMU names the devices on the kernel's command line itself."""
    backend = f"memory-backend-ram,id=vmem0-mem,size={GIB}"
    return {
        "type": "microvm,acpi=off,pit=on,pic=on,rtc=on,isa-serial=on,auto-kernel-cmdline=on",
        "extra": ["-m", f"256M,maxmem={4 * GIB // MIB}M,slots=4", "-object", backend,
                  "-global", "virtio-mmio.force-legacy=false", "-device", device],
        **more,
    }  # fmt: skip


@pytest.mark.parametrize("irq", ("auto", "poll"))
@pytest.mark.parametrize("name", ("default", "packed", "no-event-idx"))
def test_mmio(boot: Boot, name: str, irq: str) -> None:
    # memaddr: this machine gives memory devices no place of its own accord.
    device = f"virtio-mem,id=vmem0,memdev=vmem0-mem,memaddr={5 * GIB}"
    device += "".join(f",{key}={value}" for key, value in OFFERS[name][0].items())
    qemu = boot(**microvm(device, append=f"virtio_mem.irq={irq} log=vmem:debug"))
    assert "vmem0: mmio 0xfeb" in qemu.guest.command("status")
    for size in SIZES:
        assert resize(qemu, "vmem0", size).requests == 1
    assert requests_of(qemu) == REPLIES
    mode = "poll" if irq == "poll" else "intx"
    assert f"irq={mode}" in qemu.guest.command("status")


def test_mmio_without_a_place(boot: Boot) -> None:
    qemu = boot(**microvm("virtio-mem,id=vmem0,memdev=vmem0-mem"))
    assert "addr is 0" in qemu.guest.console.text


def test_mmio_of_another_kind(boot: Boot) -> None:
    qemu = boot(**microvm("virtio-rng-device", append="log=debug"))
    assert "a virtio entropy device, left alone" in qemu.guest.console.text


def test_mmio_legacy(boot: Boot) -> None:
    machine = microvm("virtio-rng-device")
    machine["extra"][machine["extra"].index("virtio-mmio.force-legacy=false")] = (
        "virtio-mmio.force-legacy=true"
    )
    qemu = boot(**machine)
    assert "register version 1, expected 2" in qemu.guest.console.text


def test_mmio_where_nothing_is(boot: Boot) -> None:
    qemu = boot(append="virtio_mmio.device=4K@0xfe900000:5 virtio_mmio.device=nonsense")
    assert "mmio 0xfe900000: error: the magic value is 0x" in qemu.guest.console.text
    assert "virtio_mmio.device=nonsense: expected SIZE@BASE:LINE" in qemu.guest.console.text

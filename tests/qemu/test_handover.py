# SPDX-License-Identifier: BSD-2-Clause
"""`handover`: another kernel takes over, with blocks plugged and memory as it was.

The module that QEMU's -initrd brings is Tide itself. The host judges: by the sizes in
QMP, and by the bytes of plugged memory, which it reads itself.
"""

from pathlib import Path
from typing import Any

import pytest
from helpers import IMAGE, Boot, requests_of, resize, switch_off
from tide.machine import MemDevice
from tide.qemu import Qemu
from tide.units import GIB, MIB

MODULE = ["-initrd", str(IMAGE)]
MACHINES: dict[str, dict[str, Any]] = {
    "q35": {},
    "pc": {"type": "pc"},
    "q35-without-acpi": {"type": "q35,acpi=off"},
    "q35-two-processors": {"cpus": 2},
    "pc-two-processors-without-acpi": {"type": "pc,acpi=off", "cpus": 2},
    "qboot": {"bios": "qboot.rom"},
}


def hand_over(qemu: Qemu, cmdline: str = "") -> int:
    """Type the command, wait until the next kernel is ready; the place where its output begins."""
    start = qemu.guest.send(f"handover {cmdline}")
    place = qemu.guest.console.wait(r"^handover: entering at 0x\w+ with '.*'\n", start).end()
    qemu.guest.console.wait(r"^(?:tide> )*tide: ready$", place)
    qemu.guest.console.wait(r"^tide> ", place)
    return place


def wait_processors(qemu: Qemu, start: int) -> None:
    """A handover is refused while processors start."""
    if qemu.machine.cpus > 1:
        qemu.guest.console.wait(rf"cpu: {qemu.machine.cpus} processors run", start)


def plugged_bytes(qemu: Qemu, folder: Path, base: int, size: int) -> bytes:
    """Guest memory as the host reads it."""
    file = folder / "memory"
    qemu.qmp.execute("pmemsave", val=base, size=size, filename=str(file))
    content = file.read_bytes()
    file.unlink()
    return content


def region_base(qemu: Qemu) -> int:
    return int(qemu.qmp.get("vmem0", "memaddr"))


@pytest.mark.parametrize("init", ["unplug", "state"])
@pytest.mark.parametrize("machine", MACHINES)
def test_next_kernel_finds_blocks_plugged(
    boot: Boot, folder: Path, machine: str, init: str
) -> None:
    qemu = boot(MemDevice("vmem0", size=GIB), extra=MODULE, **MACHINES[machine])
    resize(qemu, "vmem0", 512 * MIB)
    wait_processors(qemu, 0)
    assert "alloc: 0: 64M" in qemu.guest.command("alloc 64M")
    qemu.guest.command("fill")
    base = region_base(qemu)
    before = plugged_bytes(qemu, folder, base, 64 * MIB)
    assert len(set(before[::4096])) > 100, "the pattern is there"
    seen = len(requests_of(qemu))
    place = hand_over(qemu, f"virtio_mem.init={init}")
    kinds = {kind for kind, _ in requests_of(qemu, seen)}
    if init == "state":
        assert kinds == {"state"}, "nothing is plugged or unplugged to adopt what is there"
        assert plugged_bytes(qemu, folder, base, 64 * MIB) == before
    else:
        assert "unplug_all" in kinds
        assert plugged_bytes(qemu, folder, base, 64 * MIB) != before
    qemu.guest.wait_settled("vmem0", 512 * MIB, place)
    assert qemu.size("vmem0") == 512 * MIB
    assert "plugged=536870912" in qemu.guest.command("status")
    qemu.guest.command("verify")
    qemu.guest.console.wait(r"^(?:tide> )*vmem0: verify blocks=\d+ corrected=0 ", place)
    wait_processors(qemu, place)
    resize(qemu, "vmem0", GIB)
    assert "alloc: 0: 900M" in qemu.guest.command("alloc 900M"), "all of it can be used"
    qemu.guest.command("free")
    resize(qemu, "vmem0", 0)
    qemu.guest.send("exit")
    assert qemu.wait_exit() == 33


def test_several_in_a_row(boot: Boot, folder: Path) -> None:
    """Each brings the module and the tables on to the next."""
    qemu = boot(MemDevice("vmem0", size=GIB), cpus=2, extra=MODULE)
    resize(qemu, "vmem0", 512 * MIB)
    qemu.guest.command("alloc 16M")
    qemu.guest.command("fill")
    before = plugged_bytes(qemu, folder, region_base(qemu), 16 * MIB)
    memory_map = qemu.guest.command("memory")
    place = 0
    for _ in range(5):
        wait_processors(qemu, place)
        place = hand_over(qemu, "virtio_mem.init=state")
        assert qemu.size("vmem0") == 512 * MIB
        assert qemu.guest.command("memory") == memory_map
    assert plugged_bytes(qemu, folder, region_base(qemu), 16 * MIB) == before
    wait_processors(qemu, place)
    place = hand_over(qemu)
    qemu.guest.wait_settled("vmem0", 512 * MIB, place)
    resize(qemu, "vmem0", 0)


def test_a_size_that_changes_while_nobody_looks(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", size=GIB), extra=MODULE)
    resize(qemu, "vmem0", 512 * MIB)
    qemu.guest.command("alloc 500M")
    qemu.set_requested("vmem0", 64 * MIB)
    qemu.guest.console.wait(r"blocks stay plugged while pages in them are in use")
    place = hand_over(qemu, "virtio_mem.init=state")
    qemu.guest.wait_settled("vmem0", 64 * MIB, place)
    assert qemu.size("vmem0") == 64 * MIB


def test_two_devices_one_switched_off(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", size=GIB, requested=64 * MIB),
                MemDevice("vmem1", size=GIB, requested=128 * MIB), extra=MODULE)  # fmt: skip
    switch_off(qemu, "vmem0")
    place = hand_over(qemu, "virtio_mem.init=state")
    qemu.guest.wait_settled("vmem0", 64 * MIB, place)
    qemu.guest.wait_settled("vmem1", 128 * MIB, place)
    assert (qemu.size("vmem0"), qemu.size("vmem1")) == (64 * MIB, 128 * MIB)


def bad_modules(image: bytes) -> dict[str, tuple[bytes, str]]:
    paddr = int.from_bytes(image[32:40], "little") + 2 * 56 + 24  # where the third segment goes
    high = bytearray(image)
    high[paddr : paddr + 8] = (0x80000000).to_bytes(8, "little")
    low = bytearray(image)
    low[paddr : paddr + 8] = (0x7000).to_bytes(8, "little")
    return {
        "garbage": (b"no kernel at all" * 4096, "it begins with 6e 6f 20 6b, expected ELF's"),
        "one-byte": (b"\x7f", "1 bytes, expected an ELF header"),
        "truncated": (image[:0x10000], "but the file ends at"),
        "head-alone": (image[:64], "program headers at 0x40, but the file ends at 0x40"),
        "for-no-ram": (bytes(high), "for 0x80000000, expected RAM at or above 0x100000"),
        "for-low-memory": (bytes(low), "for 0x7000, expected RAM at or above 0x100000"),
        "without-note": (image.replace(b"Xen\0", b"Xem\0"), "no PVH note"),
    }


@pytest.mark.parametrize("name", bad_modules(bytes(64)))
def test_bad_module_is_refused(boot: Boot, folder: Path, name: str) -> None:
    content, message = bad_modules(IMAGE.read_bytes())[name]
    module = folder / "module"
    module.write_bytes(content)
    qemu = boot(MemDevice("vmem0", size=GIB), extra=["-initrd", str(module)])
    resize(qemu, "vmem0", 512 * MIB)
    qemu.guest.command("alloc 64M")
    qemu.guest.command("fill")
    answer = qemu.guest.command("handover")
    assert answer.startswith("error: handover: the module is no kernel for this machine: ")
    assert message in answer
    assert "check: ok" in qemu.guest.command("check"), "this kernel goes on"
    resize(qemu, "vmem0", GIB)


def test_refused_without_a_module(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"))
    answer = qemu.guest.command("handover")
    assert answer == "error: handover: the loader brought no module; QEMU's -initrd is one\n"
    resize(qemu, "vmem0", 64 * MIB)


def test_refused_while_a_processor_works(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"), cpus=2, extra=MODULE)
    wait_processors(qemu, 0)
    qemu.guest.command("bench churn")
    assert qemu.guest.command("handover") == "error: handover: another processor works or starts\n"
    qemu.guest.command("bench churn stop")
    resize(qemu, "vmem0", 64 * MIB)
    place = hand_over(qemu)
    qemu.guest.wait_settled("vmem0", 64 * MIB, place)

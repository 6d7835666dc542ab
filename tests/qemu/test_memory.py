# SPDX-License-Identifier: BSD-2-Clause
"""The memory itself: its contents across resizes, what is in use, what the host must back."""

import re
from pathlib import Path

import pytest
from helpers import Boot, nr_requests, requests_of, resize, switch_off
from tide import checkerboard
from tide.machine import MemDevice
from tide.qemu import Qemu
from tide.units import GIB, MIB, TIB


def alloc(qemu: Qemu, size: str) -> int:
    """Hold memory in the guest; the holding's number."""
    output = qemu.guest.command(f"alloc {size}")
    match = re.search(r"^alloc: (\d+): ", output, re.MULTILINE)
    assert match, output
    return int(match.group(1))


def check(qemu: Qemu, holding: int | str = "all") -> None:
    output = qemu.guest.command(f"check {holding}")
    assert "check: ok" in output and "error" not in output, output


def test_contents_survive_resizes(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"))
    resize(qemu, "vmem0", 128 * MIB)
    holdings = [alloc(qemu, size) for size in ("40M", "12K", "20M")]
    for holding in holdings:
        qemu.guest.command(f"fill {holding}")
    for size in (2 * GIB, 256 * MIB, GIB, 128 * MIB):
        resize(qemu, "vmem0", size)
        check(qemu)
    qemu.guest.command(f"free {holdings[0]}")
    resize(qemu, "vmem0", GIB)
    check(qemu)


def test_all_of_it_can_be_used(boot: Boot) -> None:
    """Every plugged byte is real memory: fill it to the last page and verify."""
    qemu = boot(MemDevice("vmem0", size=256 * MIB))
    resize(qemu, "vmem0", 256 * MIB)
    alloc(qemu, "256M")
    assert qemu.guest.stats()["plugged used"] == 256 * MIB // 4096
    qemu.guest.command("fill")
    check(qemu)
    qemu.guest.command("free")
    assert qemu.guest.stats()["plugged used"] == 0
    resize(qemu, "vmem0", 0)


def test_memory_in_use_is_not_unplugged(boot: Boot) -> None:
    """Idle blocks go at once; blocks in use stay intact, and go when they are freed."""
    qemu = boot(MemDevice("vmem0", size=GIB))
    resize(qemu, "vmem0", GIB)
    alloc(qemu, "300M")
    qemu.guest.command("fill")
    qemu.set_requested("vmem0", 0)
    qemu.wait_size("vmem0", 300 * MIB)
    check(qemu)
    qemu.wait_for(lambda: "waiting" in qemu.guest.command("status"), "the guest to have its answer")
    assert qemu.size("vmem0") == 300 * MIB
    mark = qemu.guest.console.mark()
    qemu.guest.command("free all")
    qemu.guest.wait_settled("vmem0", 0, mark)
    assert qemu.size("vmem0") == 0


def test_every_second_pageblock_is_held(boot: Boot) -> None:
    """No two idle blocks are neighbours: each takes a request, and the held ones stay until they are freed."""
    qemu = boot(MemDevice("vmem0", size=128 * MIB))
    resize(qemu, "vmem0", 128 * MIB)
    assert checkerboard.hold(qemu.guest) == 32
    before = nr_requests(qemu)
    resize(qemu, "vmem0", 64 * MIB)
    assert requests_of(qemu, before) == [("unplug", "ack")] * 32
    assert qemu.guest.map("vmem0") == ".#" * 32
    mark = qemu.guest.console.mark()
    qemu.set_requested("vmem0", 0)
    qemu.guest.console.wait("32 blocks stay plugged while pages in them are in use: blocks user=32 ", mark)
    assert qemu.size("vmem0") == 64 * MIB
    checkerboard.release(qemu.guest)
    qemu.guest.wait_settled("vmem0", 0, mark)
    assert qemu.size("vmem0") == 0


def test_the_host_may_change_its_mind_while_it_waits(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", size=GIB))
    resize(qemu, "vmem0", GIB)
    alloc(qemu, "300M")
    qemu.guest.command("fill")
    qemu.set_requested("vmem0", 0)
    qemu.wait_size("vmem0", 300 * MIB)
    resize(qemu, "vmem0", 512 * MIB)
    check(qemu)


def test_no_request_is_repeated_while_it_waits(boot: Boot) -> None:
    """Waiting for pages to be freed costs the host nothing."""
    qemu = boot(MemDevice("vmem0", size=GIB))
    resize(qemu, "vmem0", GIB)
    alloc(qemu, "300M")
    qemu.set_requested("vmem0", 0)
    qemu.wait_size("vmem0", 300 * MIB)
    qemu.wait_for(lambda: "waiting" in qemu.guest.command("status"), "the guest to have its answer")
    before = nr_requests(qemu)
    start = qemu.guest.stats()["uptime ms"]
    qemu.wait_for(lambda: qemu.guest.stats()["uptime ms"] > start + 3000, "three guest seconds")
    assert requests_of(qemu, before) == []


def test_scattered_use_keeps_only_its_blocks(boot: Boot) -> None:
    """Holdings of a block each, every other one freed: the free half goes, in its own runs."""
    qemu = boot(MemDevice("vmem0", size=128 * MIB))
    resize(qemu, "vmem0", 128 * MIB)
    qemu.guest.command("alloc 2M 64")
    for holding in range(0, 64, 2):
        qemu.guest.command(f"free {holding}")
    resize(qemu, "vmem0", 64 * MIB)
    assert qemu.guest.stats()["plugged used"] == 64 * MIB // 4096


def test_growing_backs_no_memory(boot: Boot) -> None:
    """Plugging touches not one byte: the host need not back it."""
    qemu = boot(MemDevice("vmem0", size=8 * GIB))
    assert qemu.backend_resident(8 * GIB) == 0
    resize(qemu, "vmem0", 8 * GIB)
    assert qemu.backend_resident(8 * GIB) == 0
    alloc(qemu, "64M")
    qemu.guest.command("fill")
    assert 64 * MIB <= qemu.backend_resident(8 * GIB) <= 66 * MIB
    qemu.guest.command("free")
    resize(qemu, "vmem0", 0)
    assert qemu.backend_resident(8 * GIB) == 0


@pytest.mark.parametrize("backend", ["ram", "memfd", "file", "ram-no-reserve", "prealloc"])
def test_backends(boot: Boot, folder: Path, backend: str) -> None:
    device = MemDevice("vmem0", size=512 * MIB)
    if backend == "file":
        device.file = folder / "backend"
    if backend in ("memfd", "file"):
        device.backend = backend
    device.reserve = backend != "ram-no-reserve"
    device.prealloc = backend == "prealloc"
    qemu = boot(device)
    resize(qemu, "vmem0", 256 * MIB)
    if backend == "prealloc":
        assert qemu.backend_resident(512 * MIB) == 256 * MIB
    alloc(qemu, "100M")
    qemu.guest.command("fill")
    resize(qemu, "vmem0", 512 * MIB)
    check(qemu)
    qemu.guest.command("free all")
    resize(qemu, "vmem0", 0)
    if backend == "file":
        assert (folder / "backend").stat().st_blocks == 0, "the file gives its blocks back"
        (folder / "backend").unlink()
    else:
        assert qemu.backend_resident(512 * MIB) == 0


def test_map_shows_the_region(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", size=64 * MIB))
    assert qemu.guest.map("vmem0", 32) == "." * 32
    resize(qemu, "vmem0", 32 * MIB)
    assert sorted(qemu.guest.map("vmem0", 32)) == sorted("-" * 16 + "." * 16)
    alloc(qemu, "2M")
    alloc(qemu, "4K")
    assert sorted(qemu.guest.map("vmem0", 32)) == sorted("#+" + "-" * 14 + "." * 16)


def test_tiny_boot_memory_and_a_huge_region(boot: Boot) -> None:
    """16 MiB of boot memory carry 512 GiB, in few requests, and give all of it back."""
    size = 512 * GIB
    qemu = boot(MemDevice("vmem0", size=size, reserve=False, share=True), memory=16 * MIB)
    before = nr_requests(qemu)
    resize(qemu, "vmem0", size)
    assert nr_requests(qemu) - before <= 5
    assert qemu.guest.stats()["metadata bytes"] <= size // GIB * 4096
    # 63 pageblocks of 2 MiB and one page of the next: no section of 128 MiB goes without its bitmap.
    nr_held = 4080
    output = qemu.guest.command(f"alloc {126 * 1024 + 4}K {nr_held}")
    first, last = (int(address, 16) for address in re.findall(r"0x\w+", output)[:: nr_held - 1])
    assert last - first > size * 99 // 100, "all over the region"
    stats = qemu.guest.stats()
    assert stats["plugged used"] >= nr_held * (63 * 512 + 1)
    assert 32 * 1024 * 0.99 < stats["metadata bytes"] / (size // GIB) <= 36 * 1024
    for verb in ("fill all 42M", "check all", "free all"):
        lines = qemu.guest.command(verb).splitlines()
        assert len(lines) == nr_held and not [line for line in lines if "error" in line], verb
    assert nr_held * 4 * 4096 < qemu.backend_resident(size) < 256 * MIB
    resize(qemu, "vmem0", 0)
    assert nr_requests(qemu) - before <= 10
    assert qemu.backend_resident(size) == 0


FULL = "alloc 4K 4096"  # fills 16 MiB of boot memory, and goes on in plugged memory


def grow_half_way(qemu: Qemu, device: str, size: int) -> None:
    """As far as it goes: pages in use, or too little boot memory, may be in the way."""
    qemu.set_requested(device, size)
    qemu.wait_for(lambda: re.search(rf"^{device}: .*(?:settled|waiting)", qemu.guest.command("status"), re.MULTILINE),
                  f"{device} to settle or to wait")  # fmt: skip


@pytest.mark.parametrize(
    ("block", "sizes"),
    [(MIB, [127 * MIB, 65 * MIB]), (2 * MIB, [512 * MIB]), (64 * MIB, [512 * MIB]), (512 * MIB, [512 * MIB]),
     (GIB, [8 * GIB])],
    ids=["1M", "2M", "64M", "512M", "1G"],
)  # fmt: skip
def test_no_block_keeps_itself(boot: Boot, block: int, sizes: list[int]) -> None:
    """Boot memory is full while blocks come, go and are split: with all of it freed, all of it goes."""
    start = 128 * MIB if block == MIB else GIB
    qemu = boot(MemDevice("vmem0", size=8 * GIB, block=block, backend="memfd" if block == MIB else "ram", reserve=False), memory=16 * MIB, cpu="max")
    resize(qemu, "vmem0", start)
    qemu.guest.command(FULL)
    for size in sizes:
        grow_half_way(qemu, "vmem0", size)
    qemu.guest.command("free all")
    resize(qemu, "vmem0", 0)
    switch_off(qemu, "vmem0")


def test_no_two_devices_keep_each_other(boot: Boot) -> None:
    """Each grows while boot memory is full, the first one empty and full again between."""
    devices = [MemDevice(f"vmem{i}", size=4 * GIB, block=128 * MIB, reserve=False) for i in (0, 1)]
    qemu = boot(*devices, memory=16 * MIB)
    resize(qemu, "vmem0", 256 * MIB)
    qemu.guest.command(FULL)
    for device, size in (("vmem1", GIB), ("vmem0", 0)):
        grow_half_way(qemu, device, size)
    qemu.guest.command(FULL)
    for device in ("vmem0", "vmem1"):
        grow_half_way(qemu, device, 4 * GIB)
    qemu.guest.command("free all")
    for device in ("vmem0", "vmem1"):
        resize(qemu, device, 0)


def test_boot_memory_that_carries_less_than_the_region(boot: Boot) -> None:
    """It grows as far as it can, says why once, sends nothing more, and gives all of it back."""
    qemu = boot(MemDevice("vmem0", size=4 * TIB, reserve=False), memory=16 * MIB, cpu="max,phys-bits=46")
    qemu.set_requested("vmem0", 4 * TIB)
    qemu.wait_for(lambda: "waiting" in qemu.guest.command("status"), "it to wait")
    assert "boot RAM has no room for the page tables and metadata of more" in qemu.guest.command("status")
    assert 3 * TIB < qemu.size("vmem0") < 4 * TIB
    before = nr_requests(qemu)
    start = qemu.guest.stats()["uptime ms"]
    qemu.wait_for(lambda: qemu.guest.stats()["uptime ms"] > start + 5000, "five guest seconds")
    assert nr_requests(qemu) == before
    assert {kind for kind, _ in requests_of(qemu)} == {"plug"}
    assert len(re.findall(r"warning: ", qemu.guest.console.text)) == 1
    alloc(qemu, "3G")
    qemu.guest.command("fill 0 64M")
    check(qemu)
    qemu.guest.command("free all")
    resize(qemu, "vmem0", 0)

# SPDX-License-Identifier: BSD-2-Clause
"""Virtual areas: what they are made of, and that their contents stay while the host takes the frames away."""

import re

import pytest
from helpers import Boot, resize
from test_paging import pages_of
from tide.machine import MemDevice
from tide.qemu import Qemu
from tide.units import GIB, KIB, MIB

TRAP = 39
WINDOW = 0xFFFF800000000000
PAGE = 4096


def vm(qemu: Qemu, line: str) -> str:
    output = qemu.guest.command(f"vm {line}")
    assert "error" not in output, output
    return output


def bases(output: str) -> list[int]:
    """Where the areas are that a command names."""
    return [int(base, 16) for base in re.findall(r" at (0x\w+), ", output)]


def stats(qemu: Qemu) -> dict[str, int]:
    line = vm(qemu, "list").splitlines()[-1]
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line)}


def check_all(qemu: Qemu, nr: int) -> None:
    assert vm(qemu, "check all").count("check: ok: ") == nr


def wait_cpus(qemu: Qemu, nr: int) -> None:
    qemu.guest.console.wait(rf"^cpu: {nr} processors run")


def free_every_other(qemu: Qemu, nr: int) -> None:
    for number in range(0, nr, 2):
        vm(qemu, f"free {number}")


@pytest.mark.parametrize("machine", [{}, {"type": "pc", "cpu": "max"}], ids=["q35", "pc-max"])
def test_an_area_is_read_write_no_execute_and_has_guards(boot: Boot, machine: dict[str, str]) -> None:
    qemu = boot(MemDevice("vmem0"), **machine)
    resize(qemu, "vmem0", 256 * MIB)
    before = len(pages_of(qemu))
    (large,) = bases(vm(qemu, "alloc 64M"))
    (small,) = bases(vm(qemu, "alloc 20K"))
    pages = [page for page in pages_of(qemu) if page.virtual >= WINDOW]
    assert [page.virtual for page in pages if page.large] == list(range(large, large + 64 * MIB, 2 * MIB))
    assert [page.virtual for page in pages if not page.large] == list(range(small, small + 20 * KIB, PAGE))
    assert all(page.writable and not page.executable and not page.user for page in pages)
    assert small >= large + 64 * MIB + PAGE
    vm(qemu, "free all")
    assert len(pages_of(qemu)) == before, "nothing of the window is left"
    resize(qemu, "vmem0", 0)


def test_what_is_refused(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"))
    resize(qemu, "vmem0", 64 * MIB)
    assert qemu.guest.command("vm alloc 4G") == "error: vm alloc: not enough free memory\n"
    assert qemu.guest.command("vm alloc 17T") == "error: vm alloc: not enough free memory\n"
    assert qemu.guest.command("vm alloc 0").startswith("error: vm alloc: '0': expected a size above 0")
    assert qemu.guest.command("vm alloc 1M 257").startswith("error: vm alloc: '257': expected a count")
    assert qemu.guest.command("vm free 3") == "error: vm free: no such area\n"
    assert qemu.guest.command("vm free x").startswith("error: vm free: 'x': expected the number of one area")
    assert qemu.guest.command("vm touch") == "error: vm touch: there is no other processor\n"
    assert qemu.guest.command("vm touch stop") == "error: vm touch stop: no processor touches areas\n"
    assert qemu.guest.command("vm what").startswith("error: vm: 'what': expected alloc, fill")
    assert vm(qemu, "list") == "vm: areas=0 bytes=0 metadata=0 moves=0 waits=0\n"
    vm(qemu, "alloc 1M")
    assert vm(qemu, "check") == "vm: check: skipped: 0: not filled yet\n"
    resize(qemu, "vmem0", 0)  # what is there goes to boot RAM
    vm(qemu, "fill")
    check_all(qemu, 1)


# name -> (block, size of the areas, how many): of 1 GiB most is taken
STORIES = {
    "large": (2 * MIB, "4M", 240),
    "small": (2 * MIB, "1500K", 256),
    "mixed": (2 * MIB, "3588K", 250),
    "blocks-of-8M": (8 * MIB, "4M", 240),
    "blocks-of-128M": (128 * MIB, "3M", 256),
}


@pytest.mark.parametrize("story", STORIES)
def test_a_shrink_moves_areas(boot: Boot, story: str) -> None:
    """Every other area goes; what is left leaves the blocks that the host wants, and is whole."""
    block, size, nr = STORIES[story]
    qemu = boot(MemDevice("vmem0", size=GIB, block=block))
    resize(qemu, "vmem0", GIB)
    vm(qemu, f"alloc {size} {nr}")
    vm(qemu, "fill all")
    free_every_other(qemu, nr)
    left = stats(qemu)
    assert left["moves"] == 0
    resize(qemu, "vmem0", 640 * MIB)
    check_all(qemu, nr // 2)
    moved = stats(qemu)["moves"]
    assert moved > 0 or block == 2 * MIB
    resize(qemu, "vmem0", GIB)
    check_all(qemu, nr // 2)
    vm(qemu, "free all")
    resize(qemu, "vmem0", 0)
    assert stats(qemu)["metadata"] == 0


@pytest.mark.parametrize("size,least", [("1500K", 96 * MIB), ("4M", 208 * MIB)])
def test_a_move_costs_the_host_nothing_for_what_was_never_written(boot: Boot, size: str, least: int) -> None:
    """A quarter of the areas has contents, and so has a quarter of the frames, before and after."""
    qemu = boot(MemDevice("vmem0", size=512 * MIB, block=8 * MIB, share=True))
    resize(qemu, "vmem0", 512 * MIB)
    vm(qemu, f"alloc {size} 100")
    for number in range(1, 100, 4):
        vm(qemu, f"fill {number}")
    free_every_other(qemu, 100)
    before = qemu.backend_resident(512 * MIB)
    assert before > 25 * MIB
    resize(qemu, "vmem0", least)
    assert stats(qemu)["moves"] > 4
    assert qemu.backend_resident(512 * MIB) <= before
    assert vm(qemu, "check all").count("check: ok: ") == 25


# what is touched -> (size of each device, sizes of the areas, how many of each, moves to wait for)
TOUCHED = {
    "few": (32 * MIB, ["8K"], 3, 60),  # always in every processor's TLB
    "some": (512 * MIB, ["4M", "500K"], 4, 1000),
    "many": (512 * MIB, ["4M", "500K"], 50, 12000),  # never all of them
}


@pytest.mark.load
@pytest.mark.parametrize("touched", TOUCHED)
def test_other_processors_go_on(boot: Boot, touched: str) -> None:
    """They read and write every page again and again, while all of it moves from device to device."""
    size, sizes, nr, moves = TOUCHED[touched]
    qemu = boot(MemDevice("vmem0", size=size, block=8 * MIB), MemDevice("vmem1", size=size), cpus=4)
    wait_cpus(qemu, 4)
    for device in ("vmem0", "vmem1"):
        resize(qemu, device, size)
    for each in sizes:
        vm(qemu, f"alloc {each} {nr}")
    vm(qemu, "fill all")
    assert vm(qemu, "touch") == "vm: touch: 3 processors\n"
    assert qemu.guest.command("vm free") == "error: vm free: processors touch areas: 'vm touch stop' first\n"
    while (now := stats(qemu))["waits"] < 10 or now["moves"] < moves:
        for device in ("vmem0", "vmem1"):
            resize(qemu, device, 0)
            resize(qemu, device, size)
    check_all(qemu, len(sizes) * nr)
    output = vm(qemu, "touch stop")
    result = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", output)}
    assert result["cpus"] == 3 and result["rounds"] >= 3 and result["wrong"] == 0
    check_all(qemu, len(sizes) * nr)
    vm(qemu, "free all")
    for device in ("vmem0", "vmem1"):
        resize(qemu, device, 0)


# what is done -> what the report says lies there
GUARDS = {
    "above": (64 * MIB, r"guard page above vm area 'monitor' \(64M from 0x{base:x}\)"),
    "below": (-1, r"guard page below vm area 'monitor' \(64M from 0x{base:x}\)"),
    "nothing": (-2 * PAGE, r"no vm area is there"),
    "freed": (5 * MIB, r"in the freed vm area 'monitor' \(64M from 0x{base:x}\)"),
}


@pytest.mark.parametrize("cpu", [0, 1])
@pytest.mark.parametrize("place", GUARDS)
def test_a_stray_access_is_named(boot: Boot, place: str, cpu: int) -> None:
    qemu = boot(MemDevice("vmem0"), crash=True, cpus=2)
    wait_cpus(qemu, 2)
    resize(qemu, "vmem0", 256 * MIB)
    (base,) = bases(vm(qemu, "alloc 64M"))
    if place == "freed":
        vm(qemu, "free")
    offset, text = GUARDS[place]
    start = qemu.guest.send(f"crash {base + offset:#x} {cpu}")
    expected = text.format(base=base)
    qemu.guest.console.wait(rf"^trap: read from 0x{base + offset:016x}: page not present: {expected}", start)
    assert qemu.wait_exit() == TRAP

# SPDX-License-Identifier: BSD-2-Clause
"""Blocks that must go although they are in use: pages move, or the guest says who keeps them."""

import re

import pytest
from helpers import Boot, nr_requests, requests_of, resize, switch_off, wait_churned
from tide import reclaim
from tide.machine import MemDevice
from tide.qemu import Qemu
from tide.units import GIB, KIB, MIB

pytestmark = pytest.mark.load

BLOCK = 2 * MIB


def status_of(qemu: Qemu) -> str:
    return qemu.guest.command("status")


def pinned(qemu: Qemu) -> dict[str, int]:
    """The numbers of `status`'s line on what keeps blocks; empty when nothing does."""
    match = re.search(r"^  pinned blocks (.*)$", status_of(qemu), re.MULTILINE)
    return reclaim.numbers(match.group(1)) if match else {}


def wait_cpus(qemu: Qemu, nr: int) -> None:
    if nr > 1:
        qemu.guest.console.wait(rf"^cpu: {nr} processors run")


def wait_short(qemu: Qemu, size: int) -> str:
    """Ask for a size that cannot be reached, and wait until the guest says so; what it says."""
    mark = qemu.guest.console.mark()
    qemu.set_requested("vmem0", size)
    pattern = rf"^(?:tide> )*vmem0: warning: requested={size} plugged=\d+: \d+ blocks stay plugged .*: (.*)\n"
    return qemu.guest.console.wait(pattern, mark).group(1)


def bench(qemu: Qemu, line: str) -> dict[str, int]:
    return reclaim.numbers(qemu.guest.command(f"bench {line}"))


@pytest.mark.parametrize("nr_cpus", [1, 2, 4])
def test_half_of_it_goes(boot: Boot, nr_cpus: int) -> None:
    """42 % held everywhere; other processors allocate and free all the while; every page checked after."""
    qemu = boot(MemDevice("vmem0", size=GIB), cpus=nr_cpus)
    wait_cpus(qemu, nr_cpus)
    resize(qemu, "vmem0", GIB)
    reclaim.hold(qemu.guest, GIB, 256 * KIB, 42, 100)
    if nr_cpus > 1:
        qemu.guest.command("bench churn")
    before = nr_requests(qemu)
    resize(qemu, "vmem0", GIB // 2)
    requests = requests_of(qemu, before)
    assert {kind for kind, _ in requests} == {"unplug"}
    assert len(requests) < 200, "neighbours leave together"
    assert qemu.backend_resident(GIB) <= GIB // 2, "the host has them back"
    if nr_cpus > 1:
        assert bench(qemu, "churn stop")["wrong"] == 0
    assert reclaim.release(qemu.guest)["moved"] > 100
    resize(qemu, "vmem0", 0)


@pytest.mark.parametrize("nr_cpus", [2, 4])
def test_owners_free_what_is_being_moved(boot: Boot, nr_cpus: int) -> None:
    """Pages of other processors move while these check, free and allocate them."""
    qemu = boot(MemDevice("vmem0", size=256 * MIB), cpus=nr_cpus)
    wait_cpus(qemu, nr_cpus)
    resize(qemu, "vmem0", 256 * MIB)
    qemu.guest.command("bench churn movable")
    sizes = (256 * MIB, 64 * MIB, 256 * MIB, 128 * MIB)
    for size in sizes:
        wait_churned(qemu)
        qemu.wait_for(lambda: qemu.guest.stats()["plugged used"] > 0, "pages there, as they are allocated")
        for requested in (0, size):  # into boot RAM
            mark = qemu.guest.console.mark()
            qemu.set_requested("vmem0", requested)
            qemu.guest.wait_settled("vmem0", requested, mark)
    result = bench(qemu, "churn stop")
    assert result["wrong"] == 0 and result["pairs"] >= len(sizes) and result["moved"] > 0
    resize(qemu, "vmem0", 0)


def test_every_word_survives(boot: Boot) -> None:
    """The workload that checks each word of each page goes on while blocks come and go beneath it."""
    qemu = boot(MemDevice("vmem0", size=256 * MIB), cpus=2)
    resize(qemu, "vmem0", 256 * MIB)
    start = qemu.guest.console.mark()
    qemu.guest.command("workload verify size=64M chunk=32K movable=100 ticks=6 tick=0")
    for size in (96 * MIB, 256 * MIB, 80 * MIB, 256 * MIB, 96 * MIB):
        mark = qemu.guest.console.mark()
        qemu.set_requested("vmem0", size)
        qemu.guest.wait_settled("vmem0", size, mark)
    qemu.guest.console.wait(r"^(?:tide> )*workload: (done|error)", start)
    assert reclaim.release(qemu.guest)["denied"] == 0


def test_the_host_changes_its_mind(boot: Boot) -> None:
    """Again and again, before the guest can be done: it ends at the last requested size, with all contents."""
    qemu = boot(MemDevice("vmem0", size=GIB))
    resize(qemu, "vmem0", GIB)
    reclaim.hold(qemu.guest, GIB, 256 * KIB, 45, 100)
    for size in range(500 * MIB, 700 * MIB, 20 * MIB):
        qemu.set_requested("vmem0", size)
        qemu.set_requested("vmem0", GIB)
    mark = qemu.guest.console.mark()
    qemu.set_requested("vmem0", 640 * MIB)
    qemu.guest.wait_settled("vmem0", 640 * MIB, mark)
    assert qemu.size("vmem0") == 640 * MIB
    resize(qemu, "vmem0", GIB)
    reclaim.release(qemu.guest)
    resize(qemu, "vmem0", 0)


def test_an_owner_refuses(boot: Boot) -> None:
    """Named, with its blocks counted; the monitor answers meanwhile; freed, they go by themselves."""
    qemu = boot(MemDevice("vmem0", size=128 * MIB))
    resize(qemu, "vmem0", 128 * MIB)
    qemu.guest.command("workload random size=64M chunk=256K occupancy=100 movable=100 refuse=100 ticks=0 tick=0")
    qemu.guest.console.wait(r"^(?:tide> )*workload: done ")
    said = wait_short(qemu, 16 * MIB)
    refused = reclaim.numbers(said)["refused"]
    assert refused == 32 and said.endswith(f", refused by workload={refused}")
    assert reclaim.numbers(said)["user"] == 0
    qemu.wait_for(lambda: "waiting: an owner does not let its pages be moved" in status_of(qemu), "the guest to wait")
    # Asked again meanwhile, those that have not refused yet count as movable.
    qemu.wait_for(lambda: pinned(qemu)["refused"] == refused, "all to be refused again")
    mark = qemu.guest.console.mark()
    line = reclaim.release(qemu.guest)
    assert line["moved"] == 0 and line["refused"] >= refused
    qemu.guest.wait_settled("vmem0", 16 * MIB, mark)
    assert pinned(qemu) == {}


def test_what_some_refuse_others_make_up_for(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", size=256 * MIB))
    resize(qemu, "vmem0", 256 * MIB)
    qemu.guest.command("workload random size=256M chunk=64K occupancy=30 movable=100 refuse=1 ticks=0 tick=0")
    qemu.guest.console.wait(r"^(?:tide> )*workload: done ")
    resize(qemu, "vmem0", 192 * MIB)
    line = reclaim.release(qemu.guest)
    assert line["refused"] > 0 and line["moved"] > 0


def test_unmovable_pages_stay(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", size=128 * MIB))
    resize(qemu, "vmem0", 128 * MIB)
    reclaim.hold(qemu.guest, 128 * MIB, 64 * KIB, 40, 0)
    said = reclaim.numbers(wait_short(qemu, 64 * MIB))
    assert said["user"] > 48 and said["movable"] == said["refused"] == 0
    qemu.wait_for(lambda: "waiting: pages in use keep blocks plugged" in status_of(qemu), "the guest to wait")
    reclaim.release(qemu.guest)


@pytest.mark.parametrize("block", [2 * MIB, 32 * MIB])
def test_mixed_pages_the_movable_ones_go(boot: Boot, block: int) -> None:
    """Unmovable and movable pages share no block, so half of the blocks can be emptied."""
    qemu = boot(MemDevice("vmem0", size=512 * MIB, block=block))
    resize(qemu, "vmem0", 512 * MIB)
    held = reclaim.hold(qemu.guest, 512 * MIB, 64 * KIB, 30, 50)["held"]
    wait_short(qemu, 192 * MIB)
    assert pinned(qemu)["user"] in range(240 * MIB // block, 288 * MIB // block + 1)
    assert qemu.size("vmem0") <= 288 * MIB + held // 2
    assert reclaim.release(qemu.guest)["moved"] > 0


@pytest.mark.parametrize("block", [1 * MIB, 8 * MIB, 64 * MIB])
def test_block_sizes(boot: Boot, block: int) -> None:
    """A block may be half a pageblock, or many: the host's size is met to the block."""
    qemu = boot(MemDevice("vmem0", size=GIB, block=block))
    resize(qemu, "vmem0", GIB)
    reclaim.hold(qemu.guest, GIB, 512 * KIB, 40, 100)
    size = 448 * MIB if block > MIB else 457 * MIB
    resize(qemu, "vmem0", size)
    assert reclaim.release(qemu.guest)["moved"] > 0
    resize(qemu, "vmem0", 0)


def test_two_devices_shrink_at_once(boot: Boot) -> None:
    devices = [MemDevice(name, size=256 * MIB) for name in ("vmem0", "vmem1")]
    qemu = boot(*devices)
    for device in devices:
        resize(qemu, device.id, 256 * MIB)
    reclaim.hold(qemu.guest, 512 * MIB, 256 * KIB, 40, 100)
    mark = qemu.guest.console.mark()
    for device in devices:
        qemu.set_requested(device.id, 112 * MIB)
    for device in devices:
        qemu.guest.wait_settled(device.id, 112 * MIB, mark)
        assert qemu.size(device.id) == 112 * MIB
    assert reclaim.release(qemu.guest)["moved"] > 0


def test_off_while_pages_move(boot: Boot) -> None:
    """A device with pages in use stays; it goes on, and goes when they are freed."""
    qemu = boot(MemDevice("vmem0", size=GIB))
    resize(qemu, "vmem0", GIB)
    reclaim.hold(qemu.guest, GIB, 256 * KIB, 45, 100)
    mark = qemu.guest.console.mark()
    qemu.set_requested("vmem0", 600 * MIB)
    assert "pages of it are in use" in qemu.guest.command("off vmem0")
    qemu.guest.wait_settled("vmem0", 600 * MIB, mark)
    reclaim.release(qemu.guest)
    switch_off(qemu, "vmem0")
    assert qemu.size("vmem0") == 0

# SPDX-License-Identifier: BSD-2-Clause
"""Migration: the device is busy while it runs, and the guest goes on where it arrives."""

import re
from pathlib import Path

from helpers import Boot, nr_requests, resize
from tide.machine import MemDevice
from tide.qemu import Qemu
from tide.units import GIB, MIB


def start_slow_migration(qemu: Qemu, uri: str = "exec:cat > /dev/null") -> None:
    """A migration that will not end by itself while a test looks: much to send, slowly."""
    assert "alloc: 0: 64M" in qemu.guest.command("alloc 64M")
    qemu.guest.command("fill")
    qemu.qmp.execute("migrate-set-parameters", max_bandwidth=4096)
    qemu.qmp.execute("migrate", uri=uri)
    qemu.wait_for(lambda: migration_status(qemu) == "active", "the migration to begin")


def migration_status(qemu: Qemu) -> str:
    return qemu.qmp.execute("query-migrate").get("status", "none")


def test_busy_until_the_migration_is_over(boot: Boot) -> None:
    """BUSY is asked again, ever more slowly, and the resize is finished when it may."""
    qemu = boot(MemDevice("vmem0"))
    resize(qemu, "vmem0", 512 * MIB)
    before = nr_requests(qemu)
    mark = qemu.guest.console.mark()
    start_slow_migration(qemu)
    qemu.set_requested("vmem0", GIB)
    qemu.wait_for(lambda: nr_requests(qemu) >= before + 4, "the guest to ask four times")
    replies = [request.reply for request in qemu.trace().requests[before:] if request.reply]
    assert set(replies) == {"busy"}
    assert qemu.size("vmem0") == 512 * MIB
    waits = r"waiting: (the device is busy|the host gives no more memory)$"
    qemu.wait_for(lambda: re.search(waits, qemu.guest.command("status"), re.MULTILINE), "the guest to wait")
    qemu.qmp.execute("migrate_cancel")
    settled = qemu.guest.wait_settled("vmem0", GIB, mark)
    assert settled.plugged == qemu.size("vmem0") == GIB


def test_busy_waits_grow_long(boot: Boot) -> None:
    """Ten guest seconds of BUSY cost the host a handful of requests, not hundreds."""
    qemu = boot(MemDevice("vmem0"))
    start_slow_migration(qemu)
    before = nr_requests(qemu)
    qemu.set_requested("vmem0", GIB)
    start = qemu.guest.stats()["uptime ms"]
    qemu.wait_for(lambda: qemu.guest.stats()["uptime ms"] > start + 10_000, "ten guest seconds")
    assert nr_requests(qemu) - before <= 24
    qemu.wait_for(lambda: nr_requests(qemu) - before >= 4, "the guest to go on asking")


def test_a_new_size_while_it_is_busy(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"))
    resize(qemu, "vmem0", 512 * MIB)
    start_slow_migration(qemu)
    for size in (GIB, 2 * MIB, 256 * MIB):
        before = nr_requests(qemu)
        qemu.set_requested("vmem0", size)
        qemu.wait_for(lambda: nr_requests(qemu) > before, "a request")
    qemu.qmp.execute("migrate_cancel")
    qemu.wait_size("vmem0", 256 * MIB)
    qemu.guest.wait_settled("vmem0", 256 * MIB)


def test_migration_in_the_middle_of_a_resize(boot: Boot, folder: Path) -> None:
    """To a file and on in a new QEMU: contents, plugged blocks and the unfinished resize survive."""
    state = folder / "state"
    source = boot(MemDevice("vmem0"))
    resize(source, "vmem0", 512 * MIB)
    start_slow_migration(source, f"exec:cat > {state}")
    before = nr_requests(source)
    source.set_requested("vmem0", GIB)
    source.wait_for(lambda: nr_requests(source) > before, "the guest to ask")
    source.qmp.execute("migrate-set-parameters", max_bandwidth=1 << 30)
    source.wait_for(lambda: migration_status(source) == "completed", "the migration to end")
    there = source.size("vmem0")

    target = boot(MemDevice("vmem0", requested=GIB), ready=False,
                  extra=["-incoming", f"exec:cat {state}"])  # fmt: skip
    target.wait_for(lambda: target.qmp.execute("query-status")["running"], "the guest to run there")
    state.unlink()
    assert target.size("vmem0") >= there
    target.guest.send("")
    target.wait_size("vmem0", GIB)
    target.guest.send("check all")
    target.guest.console.wait(r"^check: ok: 0: 64M")
    resize(target, "vmem0", 128 * MIB)
    target.guest.send("free all")
    resize(target, "vmem0", 0)

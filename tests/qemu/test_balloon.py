# SPDX-License-Identifier: BSD-2-Clause
"""The virtio-balloon device, judged by what QEMU counts: query-balloon, and its resident memory."""

import re
from pathlib import Path

import pytest
from helpers import DEBUG_IMAGE, Boot, resize
from test_migration import migration_status
from test_suspend import fall_asleep, wake_up
from tide.machine import MemDevice
from tide.qemu import Qemu
from tide.units import GIB, MIB

BOOT = 256 * MIB


def balloon(**options: str) -> list[str]:
    """The arguments of a balloon with these properties."""
    words = ["virtio-balloon-pci", "id=balloon0", *(f"{key.replace('_', '-')}={value}" for key, value in options.items())]
    return ["-device", ",".join(words)]


def actual(qemu: Qemu) -> int:
    """What QEMU says the guest has of its boot memory."""
    return int(qemu.qmp.execute("query-balloon")["actual"])


def set_size(qemu: Qemu, size: int) -> None:
    """Ask for a size of the boot memory, and wait until QEMU counts it."""
    qemu.qmp.execute("balloon", value=size)
    qemu.wait_for(lambda: actual(qemu) == size, lambda: f"the guest to have {size}, not {actual(qemu)}")
    assert qemu.guest.command("stats check") == "stats: check: ok\n"


@pytest.mark.parametrize("machine", ["q35", "pc"])
@pytest.mark.parametrize("options", [{}, {"disable_legacy": "on"}, {"packed": "on"}])
def test_follows_the_host(boot: Boot, machine: str, options: dict[str, str]) -> None:
    qemu = boot(type=machine, memory=BOOT, extra=balloon(**options))
    for size in (128 * MIB, 200 * MIB, 64 * MIB, 64 * MIB + 12 * 4096, BOOT - 4096, BOOT):
        set_size(qemu, size)
    assert "holds 0 of 0" in qemu.guest.command("balloon")


def test_by_the_monitor(boot: Boot) -> None:
    qemu = boot(memory=BOOT, extra=balloon())
    qemu.qmp.human("balloon 100")
    qemu.wait_for(lambda: "actual=100" in qemu.qmp.human("info balloon"), "info balloon to say 100 MiB")


def test_memory_in_the_balloon_is_not_resident(boot: Boot) -> None:
    """What was written goes back to the host, and reads as nothing when it comes again."""
    qemu = boot(memory=BOOT, extra=balloon())
    qemu.guest.command("alloc 160M")
    qemu.guest.command("fill")
    qemu.guest.command("free")
    assert qemu.backend_resident(BOOT) > 160 * MIB
    set_size(qemu, 64 * MIB)
    assert qemu.backend_resident(BOOT) < 64 * MIB
    assert "not enough free memory" in qemu.guest.command("alloc 128M")
    set_size(qemu, BOOT)
    qemu.guest.command("alloc 160M")
    qemu.guest.command("fill")
    assert "check: ok" in qemu.guest.command("check")


def test_pages_in_use_stay(boot: Boot) -> None:
    """The host wants more than there is: what is free goes, the rest when it is freed."""
    qemu = boot(memory=BOOT, extra=balloon())
    qemu.guest.command("alloc 128M")
    qemu.guest.command("fill")
    qemu.qmp.execute("balloon", value=32 * MIB)
    qemu.guest.console.wait(r"balloon0: holds \d+ of the \d+ bytes that the host wants: no more pages")
    assert actual(qemu) > 128 * MIB
    assert "check: ok" in qemu.guest.command("check")
    qemu.guest.command("free")
    qemu.wait_for(lambda: actual(qemu) == 32 * MIB, "the target")


def test_both_devices_shrink_to_nothing(boot: Boot) -> None:
    """No page of the balloon keeps a block plugged, in whichever order the host asks."""
    qemu = boot(MemDevice("vmem0", size=GIB), memory=BOOT, extra=balloon())
    resize(qemu, "vmem0", GIB)
    set_size(qemu, 48 * MIB)
    resize(qemu, "vmem0", 0)
    resize(qemu, "vmem0", GIB)
    set_size(qemu, BOOT)
    qemu.qmp.execute("balloon", value=48 * MIB)
    resize(qemu, "vmem0", 0)
    qemu.wait_for(lambda: actual(qemu) == 48 * MIB, "the balloon")
    assert qemu.backend_resident(GIB) == 0


def test_plugged_memory_in_the_balloon(boot: Boot) -> None:
    """Where boot RAM is out the balloon takes plugged memory, so that it reaches its target; what virtio-mem must
    unplug it gives back, and takes again when there is some."""
    qemu = boot(MemDevice("vmem0", size=GIB), memory=BOOT, extra=balloon())
    assert "alloc: 0: 100M" in qemu.guest.command("alloc 100M")
    qemu.guest.command("fill")
    qemu.qmp.execute("balloon", value=4 * MIB)
    qemu.guest.console.wait(r"balloon0: holds \d+ of the \d+ bytes that the host wants: no more pages")
    assert "no more can be taken" in qemu.guest.command("balloon")
    least = actual(qemu)
    assert least > 100 * MIB
    for size in (GIB, 256 * MIB):
        resize(qemu, "vmem0", size)
        set_size(qemu, 4 * MIB)
    assert "alloc: 1: 32M" in qemu.guest.command("alloc 32M")
    qemu.guest.command("fill 1")
    resize(qemu, "vmem0", 128 * MIB)
    set_size(qemu, 100 * MIB)
    set_size(qemu, 32 * MIB)
    assert "check: ok: 0: 100M" in qemu.guest.command("check all")
    qemu.guest.command("free 1")
    resize(qemu, "vmem0", 0)
    assert qemu.backend_resident(GIB) == 0
    qemu.wait_for(lambda: abs(actual(qemu) - least) <= MIB, lambda: f"a smaller balloon: {actual(qemu)}, not {least}")
    assert "check: ok: 0: 100M" in qemu.guest.command("check all")
    resize(qemu, "vmem0", GIB)
    qemu.wait_for(lambda: actual(qemu) == 32 * MIB, "the target")
    resize(qemu, "vmem0", 0)
    set_size(qemu, BOOT)


def test_reset(boot: Boot) -> None:
    """The next boot begins with an empty balloon and follows the target that the host left."""
    qemu = boot(memory=BOOT, extra=balloon(), reset_allowed=True)
    set_size(qemu, 100 * MIB)
    mark = qemu.guest.console.mark()
    qemu.qmp.execute("system_reset")
    qemu.guest.console.wait(r"balloon0: holds \d+ bytes, as the host wants", mark)
    qemu.wait_for(lambda: actual(qemu) == 100 * MIB, "the target")


def test_sleep(boot: Boot) -> None:
    """The device forgets its queues: the driver starts it again, and follows."""
    qemu = boot(memory=BOOT, extra=balloon())
    set_size(qemu, 100 * MIB)
    mark = fall_asleep(qemu)
    wake_up(qemu, mark)
    qemu.guest.console.wait(r"balloon0: holds \d+ bytes, as the host wants", mark)
    set_size(qemu, 120 * MIB)
    set_size(qemu, BOOT)


def statistics(qemu: Qemu) -> dict[str, int]:
    """What the guest told last."""
    return {name: value for name, value in qemu.qmp.get("balloon0", "guest-stats")["stats"].items() if value >= 0}


def test_statistics(boot: Boot) -> None:
    """Fresh ones at each interval, of what is free, of the balloon and of plugged memory."""
    qemu = boot(MemDevice("vmem0", size=GIB), memory=BOOT, extra=balloon())
    qemu.qmp.set("balloon0", "guest-stats-polling-interval", 1)
    qemu.wait_for(lambda: qemu.qmp.get("balloon0", "guest-stats")["last-update"] != 0, "statistics")
    first = statistics(qemu)
    assert 0 < first["stat-available-memory"] <= first["stat-free-memory"] < first["stat-total-memory"] <= BOOT
    resize(qemu, "vmem0", GIB)
    qemu.wait_for(lambda: statistics(qemu)["stat-total-memory"] == first["stat-total-memory"] + GIB, "plugged memory")
    before = statistics(qemu)["stat-free-memory"]
    qemu.guest.command("alloc 300M")
    qemu.wait_for(lambda: before - statistics(qemu)["stat-free-memory"] >= 300 * MIB, "what is in use")
    set_size(qemu, BOOT - 100 * MIB)
    qemu.wait_for(
        lambda: statistics(qemu)["stat-total-memory"] == first["stat-total-memory"] + GIB - 100 * MIB, "the balloon"
    )


@pytest.mark.parametrize("allowed", [False, True])
def test_deflate_on_oom(boot: Boot, allowed: bool) -> None:
    """Where the host allows it, a guest in need takes from the balloon, until the host sets a new target."""
    qemu = boot(memory=BOOT, extra=balloon(deflate_on_oom="on" if allowed else "off"))
    set_size(qemu, 64 * MIB)
    answer = qemu.guest.command("alloc 100M")
    assert ("not enough free memory" in answer) != allowed
    if not allowed:
        assert actual(qemu) == 64 * MIB
        return
    assert "fill: 0" in qemu.guest.command("fill") and "check: ok" in qemu.guest.command("check")
    qemu.wait_for(lambda: actual(qemu) > 100 * MIB, "QEMU to count it")
    assert actual(qemu) < 180 * MIB
    qemu.guest.command("free")
    assert "the guest was out of memory" in qemu.guest.command("balloon")
    set_size(qemu, 80 * MIB)


def pages(qemu: Qemu, which: str) -> int:
    """Pages of 4 KiB that the guest says it reported, or hinted."""
    match = re.search(rf"{which}=(\d+)", qemu.guest.command("balloon"))
    assert match
    return int(match[1])


def reported(qemu: Qemu) -> int:
    return pages(qemu, "reported")


def hinting(hint: str, **options: str) -> list[str]:
    """A balloon with free-page-hint on or off."""
    if hint == "on":
        options["iothread"] = "io0"
    return ["-object", "iothread,id=io0", *balloon(free_page_hint=hint, **options)]


@pytest.mark.parametrize("hint", ["on", "off"])
def test_reporting(boot: Boot, hint: str) -> None:
    """What is freed goes back to the host, what is in use stays, and nothing is told twice.

    Without free-page-hint QEMU has the queue at another number.
    """
    qemu = boot(MemDevice("vmem0", size=GIB), memory=BOOT, extra=hinting(hint, free_page_reporting="on"))
    resize(qemu, "vmem0", GIB)
    qemu.wait_for(lambda: reported(qemu) > 0, "the first report")
    for size in ("200M", "400M"):
        qemu.guest.command(f"alloc {size}")
    qemu.guest.command("fill all")
    assert qemu.backend_resident(GIB) >= 600 * MIB
    qemu.guest.command("free 1")
    qemu.wait_for(lambda: qemu.backend_resident(GIB) <= 202 * MIB, "the host to have it back")
    assert "check: ok: 0" in qemu.guest.command("check")
    told = reported(qemu)
    qemu.guest.command("alloc 64M")
    qemu.guest.command("free 1")
    qemu.wait_for(lambda: reported(qemu) == told + 64 * MIB // 4096, "what was used again, and no more")
    qemu.guest.command("free")
    qemu.wait_for(lambda: reported(qemu) == told + 264 * MIB // 4096, "the rest, and no more")
    resize(qemu, "vmem0", 0)
    assert reported(qemu) == told + 264 * MIB // 4096


def test_report_order(boot: Boot) -> None:
    """Only idle runs of 128 MiB; what else is idle stays with the guest."""
    qemu = boot(MemDevice("vmem0", size=GIB), memory=BOOT, append="balloon.report_order=15",
                extra=balloon(free_page_reporting="on"))  # fmt: skip
    resize(qemu, "vmem0", GIB)
    before = reported(qemu)
    qemu.guest.command("alloc 512M")
    qemu.guest.command("alloc 2M")
    qemu.guest.command("fill all")
    qemu.guest.command("free 0")
    qemu.wait_for(lambda: reported(qemu) == before + 512 * MIB // 4096, "four sections")
    assert qemu.backend_resident(GIB) < 130 * MIB


def test_wrong_report_order(boot: Boot) -> None:
    qemu = boot(memory=BOOT, append="balloon.report_order=8")
    assert "balloon.report_order=8: expected an order of pages from 9 (2 MiB) to 15 (128 MiB)" in qemu.guest.console.text


def test_poison(boot: Boot) -> None:
    """A kernel that poisons freed pages tells so, and finds them as it left them."""
    qemu = boot(memory=BOOT, image=DEBUG_IMAGE, extra=balloon(page_poison="on", free_page_reporting="on"))
    shown = qemu.guest.command("balloon")
    assert "PAGE_POISON" in shown and "PAGE_REPORTING" not in shown
    for size in (100 * MIB, 200 * MIB, 64 * MIB, BOOT):
        set_size(qemu, size)
        qemu.guest.command("alloc 20M")
        qemu.guest.command("fill")
        assert "check: ok" in qemu.guest.command("check")
        qemu.guest.command("free")


def migrate(qemu: Qemu, state: Path, hinted: int) -> int:
    """To a file, after the guest has hinted so much; how many bytes of pages QEMU sent."""
    before = pages(qemu, "hinted")
    qemu.qmp.execute("migrate-set-parameters", max_bandwidth=4096)
    qemu.qmp.execute("migrate", uri=f"exec:cat > {state}")
    qemu.wait_for(lambda: migration_status(qemu) == "active", "the migration to begin")
    qemu.wait_for(lambda: pages(qemu, "hinted") - before >= hinted // 4096, "the guest's hints")
    qemu.qmp.execute("migrate-set-parameters", max_bandwidth=1 << 30)
    qemu.wait_for(lambda: migration_status(qemu) == "completed", "the migration to end")
    return int(qemu.qmp.execute("query-migrate")["ram"]["normal-bytes"])


def test_migration_with_hints(boot: Boot, folder: Path) -> None:
    """QEMU sends the fewer pages by those that are idle, and what is in use arrives as it was."""
    sent = {}
    state = folder / "state"
    for hint, append in (("off", ""), ("on", ""), ("on", "virtio_mem.irq=poll")):
        source = boot(MemDevice("vmem0", size=GIB), memory=BOOT, append=append, extra=hinting(hint))
        resize(source, "vmem0", 512 * MIB)
        for size in ("32M", "300M"):
            assert f": {size}" in source.guest.command(f"alloc {size}")
        source.guest.command("fill all")
        source.guest.command("free 1")
        sent[hint] = migrate(source, state, 300 * MIB if hint == "on" else 0)

        target = boot(MemDevice("vmem0", size=GIB, requested=512 * MIB), memory=BOOT, ready=False,
                      append=append, extra=[*hinting(hint), "-incoming", f"exec:cat {state}"])  # fmt: skip
        target.wait_for(lambda: target.qmp.execute("query-status")["running"], "the guest to run there")
        state.unlink()
        target.guest.send("")
        assert "check: ok: 0: 32M" in target.guest.command("check")
        assert target.guest.command("stats check") == "stats: check: ok\n"
        assert "alloc: 1: 400M" in target.guest.command("alloc 400M")
        target.guest.command("fill all")
        assert "check: ok: 1: 400M" in target.guest.command("check all")
        target.guest.command("free all")
        resize(target, "vmem0", 0)
        if hint == "on":
            assert sent["on"] <= sent["off"] - 290 * MIB, sent

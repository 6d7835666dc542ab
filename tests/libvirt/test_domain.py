# SPDX-License-Identifier: BSD-2-Clause
"""The domain, resized with virsh; libvirt's own view is the judge."""

import re
from pathlib import Path
from typing import Callable

import pytest
from domain import (
    NAME, Domain, Events, Xml, behind_bridge, by_kernel_on_q35, read_xml, serial_on_socket, with_acpi,
    without_serial,
)  # fmt: skip
from libvirt_host import HUGE_PAGES_FREE, VirshFailed, set_huge_pages, virsh, wait_for
from tide.units import GIB, MIB

HERE = Path(__file__).resolve().parent
BOOT_KIB = 2095104  # of the domain's one cell
FIRST, SECOND = "virtiomem0", "virtiomem1"  # libvirt's aliases; the guest's vmem0 and vmem1


def wait_started(domain: Domain) -> None:
    """The sizes of the XML are reached."""
    domain.wait_current(FIRST, 512 * MIB)
    domain.wait_current(SECOND, GIB)


def test_the_file_can_be_defined_as_it_is(folder: Path) -> None:
    virsh("define", "--validate", str(HERE / "domain.xml"))
    try:
        arguments = virsh("domxml-to-native", "qemu-argv", "--domain", NAME)
        assert arguments.count('"driver":"virtio-mem-pci"') == 2
        assert "-no-acpi" in arguments
    finally:
        virsh("undefine", NAME)


@pytest.mark.parametrize("variation", [without_serial, behind_bridge])
def test_runs_as_written(
    folder: Path, huge_pages: None, variation: Callable[[Xml], Xml]
) -> None:
    """From disk to the requested sizes and back to nothing, no console needed."""
    with Domain(variation(read_xml()), folder) as domain:
        wait_started(domain)
        for alias, up in ((FIRST, GIB), (SECOND, 2 * GIB)):
            domain.resize(alias, up)
            domain.resize(alias, 256 * MIB)
            domain.resize(alias, 0)
        assert domain.memory() == {FIRST: (0, 0), SECOND: (0, 0)}


def test_kernel_without_a_disk_on_q35(folder: Path, huge_pages: None) -> None:
    """Each device is alone on a bus; the command line is the domain's."""
    with Domain(by_kernel_on_q35(serial_on_socket(read_xml())), folder) as domain:
        domain.guest.wait_ready()
        wait_started(domain)
        assert "Tide, by pvh," in domain.guest.console.text
        assert not re.search("^vmem.: pci 0000:00:", domain.guest.command("status"), re.MULTILINE)
        domain.resize(FIRST, 0)
        domain.resize(SECOND, 0)


def test_resizes_and_events(folder: Path, huge_pages: None) -> None:
    with Domain(serial_on_socket(read_xml()), folder) as domain, Events(folder) as events:
        domain.guest.wait_ready()
        wait_started(domain)
        guest_names = {FIRST: "vmem0", SECOND: "vmem1"}
        for alias, size in ((FIRST, 768 * MIB), (SECOND, 2 * GIB), (FIRST, 2 * MIB),
                            (SECOND, 64 * MIB), (FIRST, 0), (SECOND, 0)):  # fmt: skip
            mark = domain.guest.console.mark()
            domain.resize(alias, size)
            settled = domain.guest.wait_settled(guest_names[alias], size, mark)
            assert settled.plugged == size
            assert domain.memory()[alias] == (size, size)
            # The last event of a device is never lost, however fast the changes came.
            wait_for(lambda: dict(events.sizes()).get(alias) == size, f"the event of {alias} at {size}")
        statistics = virsh("domstats", NAME, "--balloon")
        assert "balloon.current=2095104" in statistics, "the boot memory is all that is left"


def balloon_statistics() -> dict[str, int]:
    """What `virsh dommemstat` shows, in KiB."""
    return {name: int(value) for name, value in (line.split() for line in virsh("dommemstat", NAME).splitlines() if line)}


def test_balloon(folder: Path, huge_pages: None) -> None:
    """`virsh setmem` changes the boot memory, `virsh dommemstat` shows what the guest says; virtio-mem goes on."""
    with Domain(serial_on_socket(read_xml()), folder) as domain:
        domain.guest.wait_ready()
        wait_started(domain)
        domain.resize(FIRST, 0)
        domain.resize(SECOND, 0)
        virsh("dommemstat", NAME, "--period", "1", "--live")
        for size in (BOOT_KIB // 2, BOOT_KIB // 4, BOOT_KIB):
            virsh("setmem", NAME, str(size), "--live")
            wait_for(lambda: balloon_statistics()["actual"] == size, f"the balloon to leave {size} KiB")
            wait_for(lambda: 0 < size - balloon_statistics().get("available", 0) < 65536, f"{size} KiB in the statistics")
            shown = balloon_statistics()
            assert 0 < shown["usable"] <= shown["unused"] <= shown["available"]
        virsh("setmem", NAME, str(BOOT_KIB // 4), "--live")
        domain.resize(FIRST, GIB)
        domain.resize(FIRST, 0)
        wait_for(lambda: balloon_statistics()["actual"] == BOOT_KIB // 4, "the balloon")


def test_refusals_reach_the_user_and_change_nothing(folder: Path, huge_pages: None) -> None:
    """libvirt's own, and QEMU's: without ACPI its root bus takes no further device."""
    with Domain(without_serial(read_xml()), folder) as domain:
        wait_started(domain)
        for alias, size, reason in ((FIRST, 3 * MIB, "multiple of block size"),
                                    (FIRST, 2 * GIB, "smaller than or equal to"),
                                    ("virtiomem7", GIB, "no memory device found")):  # fmt: skip
            with pytest.raises(VirshFailed, match=reason):
                domain.request(alias, size)
        with pytest.raises(VirshFailed, match="hotplug"):
            virsh("attach-device", NAME, str(HERE / "third.xml"), "--live")
        assert domain.memory() == {FIRST: (512 * MIB, 512 * MIB), SECOND: (GIB, GIB)}


def test_without_huge_pages(folder: Path) -> None:
    """PLUG is answered BUSY: the second device waits and says so, the first one is served."""
    set_huge_pages(0)
    with Domain(serial_on_socket(read_xml()), folder) as domain:
        domain.guest.wait_ready()
        domain.wait_current(FIRST, 512 * MIB)
        domain.guest.console.wait(r"^(tide> )*vmem1: warning: .*the host gives no more memory")
        domain.resize(FIRST, GIB)
        domain.resize(FIRST, 0)
        status = domain.guest.command("status")
        second = status[status.index("vmem1:") :]
        assert "waiting: the host gives no more memory" in second.splitlines()[0]
        assert int(re.search(r"busy=(\d+)", second)[1]) > 0  # type: ignore[index]
        assert domain.current(SECOND) == 0
        try:
            set_huge_pages(1024)
            domain.wait_current(SECOND, GIB)
            domain.guest.wait_settled("vmem1", GIB)
            assert int(HUGE_PAGES_FREE.read_text()) <= 512
            domain.resize(SECOND, 0)
        finally:
            virsh("destroy", NAME)
            set_huge_pages(0)


def test_reset(folder: Path, huge_pages: None) -> None:
    """`virsh reset` with memory plugged and in use: after it the sizes are the same."""
    with Domain(serial_on_socket(read_xml()), folder) as domain:
        domain.guest.wait_ready()
        wait_started(domain)
        domain.resize(FIRST, GIB)
        domain.guest.command("alloc 1536M")
        mark = domain.guest.console.mark()
        virsh("reset", NAME)
        domain.guest.console.wait(r"^(tide> )*tide: ready$", mark)
        domain.guest.wait_settled("vmem0", GIB, mark)
        domain.guest.wait_settled("vmem1", GIB, mark)
        assert domain.memory() == {FIRST: (GIB, GIB), SECOND: (GIB, GIB)}
        domain.resize(FIRST, 0)
        domain.resize(SECOND, 0)


def test_managed_save_and_restore(folder: Path, huge_pages: None) -> None:
    """Plugged memory and what is in it come back, and resizing goes on."""
    with Domain(serial_on_socket(read_xml()), folder) as domain:
        domain.guest.wait_ready()
        wait_started(domain)
        domain.resize(FIRST, 768 * MIB)
        assert "alloc: 0" in domain.guest.command("alloc 320M")
        assert "fill: 0" in domain.guest.command("fill")
        virsh("managedsave", NAME)
        assert domain.state() == "shut off"
        domain.start()
        domain.guest.send("")
        assert "check: ok: 0: 320M" in domain.guest.command("check")
        assert domain.memory() == {FIRST: (768 * MIB, 768 * MIB), SECOND: (GIB, GIB)}
        domain.resize(FIRST, GIB)
        domain.resize(SECOND, 2 * GIB)
        assert "check: ok: 0: 320M" in domain.guest.command("check")
        domain.guest.command("free")
        domain.resize(FIRST, 0)
        domain.resize(SECOND, 0)


def test_shutdown(folder: Path, huge_pages: None) -> None:
    """Where there is ACPI the guest hears its power button, and is off."""
    with Domain(with_acpi(serial_on_socket(read_xml())), folder) as domain:
        domain.guest.wait_ready()
        wait_started(domain)
        virsh("shutdown", NAME, "--mode", "acpi")
        domain.wait_off()
        assert "tide: power button" in domain.guest.console.text
        assert virsh("domstate", NAME, "--reason").strip() == "shut off (shutdown)"


def test_attach_a_third_device(folder: Path, huge_pages: None) -> None:
    with Domain(with_acpi(serial_on_socket(read_xml())), folder) as domain:
        domain.guest.wait_ready()
        wait_started(domain)
        virsh("attach-device", NAME, str(HERE / "third.xml"), "--live")
        domain.wait_current("ua-third", 256 * MIB)
        domain.guest.wait_settled("vmem2", 256 * MIB)
        domain.resize("ua-third", 512 * MIB)
        domain.resize(FIRST, GIB)
        domain.resize("ua-third", 0)
        assert domain.memory() == {FIRST: (GIB, GIB), SECOND: (GIB, GIB), "ua-third": (0, 0)}

# SPDX-License-Identifier: BSD-2-Clause
"""The page tables as the processor has them: QEMU's own reading of them is compared with what should be."""

import re
import subprocess
from dataclasses import dataclass

import pytest
from helpers import IMAGE, Boot, resize
from tide.machine import MemDevice
from tide.qemu import Qemu
from tide.units import GIB, MIB

PAGE = 4096
GUARD_PAGES = 5  # below the kernel's stack, and the four of double fault, NMI, machine check, page fault
MACHINES = [{}, {"type": "pc", "cpu": "max"}, {"type": "pc,acpi=off", "bios": "qboot.rom"}]


@dataclass
class Page:
    virtual: int
    physical: int
    executable: bool
    writable: bool
    user: bool
    uncached: bool
    large: bool


def pages_of(qemu: Qemu) -> list[Page]:
    """Every page that is mapped, by address; a large page is one entry."""
    found = re.findall(r"^(\w{16}): (\w{16}) (\S{9})\s*$", qemu.qmp.human("info tlb"), re.MULTILINE)
    assert found
    return [
        Page(int(virtual, 16), int(physical, 16), executable=flags[0] != "X", writable=flags[8] == "W",
             user=flags[7] == "U", uncached=flags[5:7] == "CT", large=flags[2] == "P")
        for virtual, physical, flags in found
    ]  # fmt: skip


def symbols() -> dict[str, int]:
    lines = subprocess.run(["nm", IMAGE], check=True, capture_output=True, text=True).stdout.splitlines()
    return {name: int(address, 16) for address, _, name in (line.split() for line in lines)}


@pytest.mark.parametrize("machine", MACHINES, ids=["q35", "pc-max", "pc-qboot"])
def test_protection(boot: Boot, machine: dict[str, str]) -> None:
    pages = pages_of(boot(MemDevice("vmem0", requested=64 * MIB), **machine))
    image = symbols()
    assert all(page.virtual == page.physical for page in pages), "identity mapped"
    assert not [page for page in pages if page.writable and page.executable]
    assert not [page for page in pages if page.user]
    assert 0 not in [page.virtual for page in pages], "page 0 is absent"

    executable = [page.virtual for page in pages if page.executable]
    assert executable == list(range(image["image_start"], image["image_text_end"], PAGE))
    constants = range(image["image_text_end"], image["image_data_start"], PAGE)
    assert all(not page.writable for page in pages if page.virtual in constants)
    assert {page.virtual for page in pages} >= set(constants)


def test_guard_pages(boot: Boot) -> None:
    image = symbols()
    mapped = {page.virtual for page in pages_of(boot())}
    absent = [page for page in range(image["image_data_start"], image["image_end"], PAGE) if page not in mapped]
    assert len(absent) == GUARD_PAGES
    assert image["boot_stack"] in absent
    assert image["boot_stack"] + PAGE in mapped


def test_device_registers_are_uncached(boot: Boot) -> None:
    """All that is mapped outside of RAM and above the firmware: registers, never cached or executable."""
    pages = pages_of(boot(MemDevice("vmem0"), memory=256 * MIB))
    registers = [page for page in pages if 256 * MIB <= page.virtual < 4 * GIB]
    assert registers
    assert all(page.uncached and not page.executable for page in registers)
    assert not [page for page in pages if page.uncached and page.virtual < 256 * MIB]


def test_the_region_is_mapped_as_far_as_it_is_plugged(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", size=2 * GIB))
    base = qemu.qmp.execute("query-memory-devices")[0]["data"]["memaddr"]

    def mapped() -> list[int]:
        return [page.virtual for page in pages_of(qemu) if base <= page.virtual < base + 2 * GIB]

    assert mapped() == []
    resize(qemu, "vmem0", GIB + 64 * MIB)
    assert len(mapped()) == (GIB + 64 * MIB) // (2 * MIB), "in pages of 2 MiB: qemu64 has no larger ones"
    resize(qemu, "vmem0", 64 * MIB)
    assert len(mapped()) == 32
    resize(qemu, "vmem0", 0)
    assert mapped() == []


def test_pages_of_1_gib_where_the_processor_has_them(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", size=4 * GIB), cpu="max")
    base = qemu.qmp.execute("query-memory-devices")[0]["data"]["memaddr"]
    resize(qemu, "vmem0", 4 * GIB)
    region = [page.virtual for page in pages_of(qemu) if page.virtual >= base]
    assert region == [base + i * GIB for i in range(4)]
    resize(qemu, "vmem0", 4 * GIB - 2 * MIB)
    assert len([page for page in pages_of(qemu) if page.virtual >= base]) == 3 + 511


def test_an_nmi_is_reported(boot: Boot) -> None:
    qemu = boot(crash=True)
    qemu.guest.command("help")
    qemu.qmp.execute_last("human-monitor-command", command_line="nmi")
    qemu.guest.console.wait(r"^trap: non-maskable interrupt \(NMI, vector 2")
    assert qemu.wait_exit() == 39

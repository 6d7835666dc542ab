# SPDX-License-Identifier: BSD-2-Clause
"""Several processors: that all come up, share the allocator, lose what is unplugged, and stop when one ends."""

import re

import pytest
from helpers import Boot, resize, wait_churned
from tide.machine import MemDevice
from tide.qemu import Qemu
from tide.units import GIB, MIB

pytestmark = pytest.mark.load

PANIC, TRAP = 37, 39
ACPI, TABLE = "ACPI", "the MP table"
# name -> (machine, how its processors are found)
MACHINES = {
    "q35": ({}, ACPI),
    "pc-max": ({"type": "pc", "cpu": "max"}, ACPI),
    "pc-no-acpi": ({"type": "pc,acpi=off"}, TABLE),
    "pc-qboot": ({"type": "pc", "bios": "qboot.rom"}, ACPI),
    "pc-qboot-no-acpi": ({"type": "pc,acpi=off", "bios": "qboot.rom"}, TABLE),
}


def wait_cpus(qemu: Qemu, nr: int) -> str:
    """Wait until so many processors run; who named them."""
    match = qemu.guest.console.wait(rf"^cpu: {nr} processors run, found by (.+)\n")
    return match.group(1)


def bench(qemu: Qemu, line: str) -> dict[str, int]:
    output = qemu.guest.command(f"bench {line}")
    assert output.startswith("bench: "), output
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", output)}


@pytest.mark.parametrize("nr", [1, 2, 4, 8])
@pytest.mark.parametrize("name", MACHINES)
def test_all_processors_run(boot: Boot, name: str, nr: int) -> None:
    machine, source = MACHINES[name]
    qemu = boot(MemDevice("vmem0"), cpus=nr, **machine)
    if nr > 1:
        assert wait_cpus(qemu, nr) == source
    output = qemu.guest.command("cpus")
    assert output.splitlines() == [f"cpus: running={nr}"] + [f"cpus: {i} idle" for i in range(1, nr)]
    resize(qemu, "vmem0", 64 * MIB)
    assert bench(qemu, f"random 0 10000 {nr}") == {"order": 0, "cpus": nr, "pairs": 10000 * nr, "failed": 0,
                                                    "wrong": 0, "moved": 0}  # fmt: skip


TOPOLOGIES = ["4,sockets=4", "4,sockets=2,cores=2", "6,cores=3,threads=2"]


@pytest.mark.parametrize("topology", TOPOLOGIES, ids=["sockets", "cores", "threads"])
def test_processors_that_the_mp_table_leaves_out(boot: Boot, topology: str) -> None:
    """Firmware may name the first of each package only, and APIC ids may have holes."""
    nr = int(topology.split(",")[0])
    qemu = boot(type="pc,acpi=off", cpu="Nehalem", extra=["-smp", topology])
    assert wait_cpus(qemu, nr) == TABLE


def test_more_processors_than_tide_uses(boot: Boot) -> None:
    qemu = boot(cpus=66, memory=512 * MIB)
    wait_cpus(qemu, 64)
    assert "processor with APIC id 65 left out: more than 64" in qemu.guest.console.text


def test_no_memory_for_stacks(boot: Boot) -> None:
    """A processor that does not start is named; all else goes on."""
    qemu = boot(MemDevice("vmem0"), cpus=60, memory=4 * MIB)
    qemu.guest.console.wait(r"^cpu: warning: no memory for the stacks of \d+ of 60 processors")
    qemu.guest.console.wait(r"^cpu: \d+ processors run")
    assert qemu.guest.command("cpus").count("idle") < 59


@pytest.mark.parametrize("nr", [1, 4])
def test_processors_without_work_sleep(boot: Boot, nr: int) -> None:
    """All stand in hlt: QEMU says so of each."""
    qemu = boot(cpus=nr)
    if nr > 1:
        wait_cpus(qemu, nr)

    def asleep() -> int:
        return qemu.qmp.human("info registers -a").count("HLT=1")

    qemu.wait_for(lambda: asleep() == nr, "all to be asleep")
    assert min(asleep() for _ in range(20)) >= nr - 1, "only the first is woken, by its timer"


def test_only_one_page_of_the_start_is_left_and_it_is_not_executable(boot: Boot) -> None:
    qemu = boot(cpus=4)
    wait_cpus(qemu, 4)
    for cpu in range(4):
        qemu.qmp.human(f"cpu {cpu}")
        tlb = qemu.qmp.human("info tlb")
        executable = [line for line in tlb.splitlines() if re.match(r"\w{16}: \w{16} -", line)]
        assert executable and all(line > "0000000000100000" for line in executable)
        assert not [line for line in executable if line.rstrip().endswith("W")], "writable and executable"


def test_blocks_go_while_other_processors_allocate(boot: Boot) -> None:
    """Every page checked when it is freed: nothing that was in use was taken. The host counts the blocks."""
    qemu = boot(MemDevice("vmem0", size=GIB), cpus=4)
    wait_cpus(qemu, 4)
    resize(qemu, "vmem0", GIB)
    assert bench(qemu, "churn")["pairs"] == 0
    sizes = (256 * MIB, GIB, 128 * MIB, 512 * MIB, 128 * MIB)
    for size in sizes:
        wait_churned(qemu)
        mark = qemu.guest.console.mark()
        qemu.set_requested("vmem0", size)
        qemu.guest.wait_settled("vmem0", size, mark)
        assert qemu.size("vmem0") == size
    result = bench(qemu, "churn stop")
    assert result["wrong"] == 0
    assert result["pairs"] >= len(sizes)
    resize(qemu, "vmem0", 0)
    assert qemu.guest.stats()["plugged used"] == 0


def test_a_processor_that_uses_a_block_loses_it(boot: Boot) -> None:
    """It reads all the time: without a message it would go on reading through its own translation."""
    qemu = boot(MemDevice("vmem0"), cpus=4, crash=True)
    wait_cpus(qemu, 4)
    resize(qemu, "vmem0", 64 * MIB)
    qemu.guest.command("crash watch 2")
    assert "cpus: 2 busy" in qemu.guest.command("cpus")
    qemu.set_requested("vmem0", 0)
    qemu.guest.console.wait(r"^(tide> )*trap: page fault .* crash_watch\+0x\w+ on cpu 2$")
    qemu.guest.console.wait(r"^trap: read from 0x\w+: page not present: vmem0 block 0\b")
    assert qemu.wait_exit() == TRAP


def test_a_processor_that_slept_has_lost_a_block(boot: Boot) -> None:
    """It read the block, slept while it was unplugged, and is given work again."""
    qemu = boot(MemDevice("vmem0"), cpus=2, crash=True)
    wait_cpus(qemu, 2)
    base = qemu.qmp.execute("query-memory-devices")[0]["data"]["memaddr"]
    resize(qemu, "vmem0", 64 * MIB)
    start = qemu.guest.send(f"crash {base:#x} 1")
    qemu.guest.console.wait(r"crash: kinds:", start)
    resize(qemu, "vmem0", 0)
    qemu.guest.send(f"crash {base:#x} 1")
    qemu.guest.console.wait(r"^(tide> )*trap: page fault .* on cpu 1$")
    assert qemu.wait_exit() == TRAP


@pytest.mark.parametrize("kind, status", [("panic", PANIC), ("stack", TRAP), ("ud2", TRAP), ("double-free", PANIC)])
def test_a_crash_on_another_processor(boot: Boot, kind: str, status: int) -> None:
    qemu = boot(MemDevice("vmem0"), cpus=4, crash=True)
    wait_cpus(qemu, 4)
    resize(qemu, "vmem0", 64 * MIB)
    start = qemu.guest.send(f"crash {kind} 3")
    place = "^callers, on cpu 3:$" if status == PANIC else r"^(tide> )*trap: .* on cpu 3$"
    qemu.guest.console.wait(place, start)
    if kind == "stack":
        qemu.guest.console.wait(r"guard page of the kernel stack", start)
    assert qemu.wait_exit() == status


def test_several_crash_at_once(boot: Boot) -> None:
    """One reports, the others stand still: no second report, and no line within the first one's."""
    qemu = boot(MemDevice("vmem0"), cpus=4, crash=True)
    wait_cpus(qemu, 4)
    resize(qemu, "vmem0", 64 * MIB)
    for cpu in (1, 2, 3):
        qemu.guest.command(f"crash watch {cpu}")
    start = qemu.guest.console.mark()
    qemu.set_requested("vmem0", 0)
    assert qemu.wait_exit() == TRAP
    report = qemu.guest.console.wait_end()[start:]
    assert len(re.findall(r"^(?:tide> )*trap: page fault", report, re.MULTILINE)) == 1
    registers = r"(?:  \S+ +[0-9a-f]{16}(?: \S+ +[0-9a-f]{16}){3}\n)"
    assert re.search(rf"^trap: read from .*\n{registers}{{6}}callers:\n(?:  #\d+ .*\n)+\Z", report, re.MULTILINE)

# SPDX-License-Identifier: BSD-2-Clause
"""Each fault that Tide must catch, made on purpose: what it says, and how QEMU ends."""

import os

import pytest
from helpers import Boot, callers_in, resize
from tide.machine import MemDevice
from tide.units import MIB

PANIC, TRAP = 37, 39
OUTERMOST = ["kernel_turn", "kmain", "boot_main", "enter_64"]
READ_FAULT = r"^trap: page fault \(#PF, vector 14, error code 0x0\)"

# kind -> (exit status, patterns that the report must have)
CRASHES = {
    "page0": (TRAP, [READ_FAULT, r"^trap: read from 0x0+: page not present: page 0"]),
    "text-write": (TRAP, [r"^trap: write to 0x\w+: page is read-only: kernel text"]),
    "rodata-write": (TRAP, [r"^trap: write to 0x\w+: page is read-only: kernel constants"]),
    "data-exec": (TRAP, [r"^trap: instruction fetch from 0x\w+: page is no-execute: kernel data"]),
    "stack": (TRAP, [r"^trap: .*guard page of the "]),
    "ud2": (TRAP, [r"^trap: invalid opcode \(#UD, vector 6, error code 0x?0\) at 0x\w+ invalid_opcode"]),
    "divide": (TRAP, [r"^trap: divide error \(#DE, vector 0"]),
    "protection": (TRAP, [r"^trap: general protection fault \(#GP, vector 13"]),
    "double-free": (PANIC, [r"^panic: .*0x\w+"]),
    "foreign-free": (PANIC, [r"^panic: .*0xfee00000"]),
    "panic": (PANIC, [r"^panic: asked for by 'crash panic'"]),
    "unplugged": (TRAP, [READ_FAULT, r"^trap: read from 0x\w+: page not present: vmem0 block 16\b.*unplugged"]),
}  # fmt: skip


@pytest.mark.parametrize("machine", [{}, {"type": "pc", "cpu": "max"}], ids=["q35", "pc-max"])
@pytest.mark.parametrize("kind", CRASHES)
def test_crash(boot: Boot, kind: str, machine: dict[str, str]) -> None:
    status, patterns = CRASHES[kind]
    qemu = boot(MemDevice("vmem0"), crash=True, **machine)
    resize(qemu, "vmem0", 32 * MIB)
    start = qemu.guest.send(f"crash {kind}")
    for pattern in patterns:
        qemu.guest.console.wait(pattern, start)
    assert qemu.wait_exit() == status
    callers = callers_in(qemu.guest.console.wait_end()[start:])
    if kind == "stack":
        assert callers == ["recurse"] * 32  # as many as are printed
    else:
        # Whatever the function that failed had done to its stack, nobody is missing or there twice.
        assert callers[-len(OUTERMOST) :] == OUTERMOST
        assert "command_crash" in callers and len(set(callers)) == len(callers)


def test_a_block_that_was_unplugged_again(boot: Boot) -> None:
    """Shrinking takes the mapping away: nothing can touch what was given back."""
    qemu = boot(MemDevice("vmem0"), crash=True)
    resize(qemu, "vmem0", 64 * MIB)
    resize(qemu, "vmem0", 0)
    qemu.guest.send("crash unplugged")
    qemu.guest.console.wait(r"^trap: read from 0x\w+: page not present: vmem0 block 0\b")
    assert qemu.wait_exit() == TRAP


def test_every_kind_has_its_test(boot: Boot) -> None:
    qemu = boot()
    listed = qemu.guest.command("crash").split()
    elsewhere = {"watch", "write-after-free"}  # test_smp.py, test_debug.py
    assert set(listed) - {"crash:", "kinds:", "ADDRESS"} == set(CRASHES) | elsewhere


def test_a_failed_check_ends_with_its_own_status(boot: Boot) -> None:
    """A page that is not what was written to it is found: the host changes one byte."""
    qemu = boot(MemDevice("vmem0", backend="memfd"))
    resize(qemu, "vmem0", 64 * MIB)
    output = qemu.guest.command("alloc 1M")
    qemu.guest.command("fill")
    paddr = int(output.rsplit("0x", 1)[1], 16)
    memory = find_backend(qemu.process.pid, qemu.machine.devices[0].size)
    offset = paddr - qemu.qmp.execute("query-memory-devices")[0]["data"]["memaddr"]
    with open(memory, "r+b", buffering=0) as file:
        file.seek(offset + 4096 + 8)
        file.write(b"\xff\x00\xff\x00\xff\x00\xff\x00")
    assert f"check: error: 0: at {paddr + 4096 + 8:#x} found 0x00ff00ff00ff00ff" in (
        qemu.guest.command("check"))  # fmt: skip
    qemu.guest.send("exit")
    assert qemu.wait_exit() == 35


def find_backend(pid: int, size: int) -> str:
    """The open file of QEMU's that is a device's memory."""
    folder = f"/proc/{pid}/fd"
    for name in os.listdir(folder):
        path = f"{folder}/{name}"
        if "memfd:" in os.readlink(path) and os.stat(path).st_size == size:
            return path
    raise AssertionError("QEMU has no memfd of that size")

# SPDX-License-Identifier: BSD-2-Clause
"""tools/gdb: where it stops, Ctrl-C, its commands for students, and the monitor beside it."""

import os
import shutil
import sys
import termios
import time
from pathlib import Path

import pytest
from helpers import IMAGE, TREE, callers_in
from terminal import WAIT_SECONDS, Terminal, run_tool

pytestmark = pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The image in a folder of its own: the sockets and serial.log are beside it."""
    return Path(shutil.copy(IMAGE, tmp_path))


def run_gdb(image: Path, *commands: str, machine: tuple[str, ...] = ()) -> str:
    """What gdb prints of these commands, after it has stopped at the first instruction."""
    done = run_tool("gdb", *machine, str(image), "-batch", *(word for command in commands for word in ("-ex", command)))
    return done.stdout + done.stderr


def test_gdb_stops_at_the_first_instruction(image: Path) -> None:
    told = run_gdb(image, "info registers rip", "hbreak kmain", "continue", "backtrace 1")
    assert "Breakpoint 1, boot_entry" in told, told
    assert "kmain (boot=" in told.split("Breakpoint 2", 1)[1]


def test_callers_beyond_an_interrupt(image: Path, tmp_path: Path) -> None:
    """As if its handler printed them: on the stack are the trap's frame and, below, what was interrupted."""
    run_gdb(image, "hbreak *interrupt_dispatch", "continue", "hbreak *trap_return", "jump *backtrace_print_here")
    callers = callers_in((tmp_path / "gdb/serial.log").read_text())
    assert "trap_common" in callers[:2]
    assert callers[-3:] == ["kmain", "boot_main", "enter_64"]


def go_on(terminal: Terminal, log: Path) -> None:
    """Let the guest run from its first instruction to `tide: ready`: QEMU's stub drops a Ctrl-C that comes before."""
    terminal.wait("Breakpoint 1, ")
    terminal.wait("(gdb) ")
    terminal.type("continue\r")
    terminal.wait("Continuing.")
    deadline = time.monotonic() + WAIT_SECONDS
    while "tide: ready" not in log.read_text():
        assert time.monotonic() < deadline, "the guest does not run"
        time.sleep(0.05)


def stop(terminal: Terminal) -> None:
    terminal.type("\x03")
    terminal.wait("Program received signal SIGINT")
    terminal.wait("(gdb) ")


def test_ctrl_c_in_gdb_stops_the_guest(image: Path, tmp_path: Path) -> None:
    """As `make gdb` has it. Neither gdb nor QEMU ends of it, and the terminal is in the end as it was."""
    terminal = Terminal("/bin/sh", "-c", f"{sys.executable} {TREE}/tools/gdb {image}; echo status $?")
    before = termios.tcgetattr(terminal.fd)
    go_on(terminal, tmp_path / "gdb/serial.log")
    stop(terminal)
    terminal.type("quit\r")
    terminal.wait("status 0")
    assert termios.tcgetattr(terminal.fd) == before
    assert terminal.wait_exit() == 0




def test_the_monitor_and_sizes_beside_gdb(image: Path, tmp_path: Path) -> None:
    """Another terminal is the guest's monitor and sets sizes; it ends alone, and gdb sees what it did."""
    gdb = Terminal(sys.executable, f"{TREE}/tools/gdb", "--qmp", f"{tmp_path}/qmp.sock", str(image))
    go_on(gdb, tmp_path / "gdb/serial.log")
    shell = Terminal(sys.executable, f"{TREE}/tools/shell", "--beside", f"{tmp_path}/gdb")
    shell.wait("tide> ")
    shell.wait_raw()
    shell.type("!resize 64M\r")
    shell.wait("vmem0: settled requested=67108864")
    second = run_tool("shell", "--beside", f"{tmp_path}/gdb")
    assert (second.returncode, "QEMU serves one shell at a time" in second.stderr) == (1, True), second.stderr
    again = run_tool("gdb", str(image))
    assert f"a machine runs in {tmp_path}/gdb already" in again.stderr
    shell.type("alloc 2M\r")
    shell.wait("alloc: 0: 2M in 1 run")
    shell.type("\x01x")
    assert shell.wait_exit() == 0
    listed = run_tool("resize", "-s", f"{tmp_path}/qmp.sock", "set", "--wait", "240", "128M")
    assert "vmem0: requested 128M, plugged 128M" in listed.stdout, listed.stdout + listed.stderr
    stop(gdb)
    gdb.type("tide-blocks\r")
    gdb.wait("64 online, 0 in doubt, 960 unplugged")
    gdb.wait("1 to      63")
    gdb.wait("(gdb) ")
    gdb.type("quit\r")
    assert gdb.wait_exit() == 0
    assert not [path for path in os.listdir(tmp_path / "gdb") if path.endswith(".sock")]


RING = {
    "off": ("split ring of 128 entries", "available ring 0x", "descriptor 0: 0x", "24 bytes, the device reads, NEXT",
            "10 bytes, the device writes"),
    "on": ("packed ring of 128 entries", "AVAIL 1, USED 0, the device reads, NEXT", "AVAIL 1, USED 0, the device writes"),
}  # fmt: skip


@pytest.mark.parametrize("packed", RING)
def test_the_ring_before_the_device_is_told(image: Path, packed: str) -> None:
    machine = ("--device", f"256M,requested=64M,packed={packed}", "--append", 'run="jobs"')
    told = run_gdb(image, "tide-ring", "hbreak pci_notify", "continue", "tide-ring", "tide-blocks", "delete",
                   "hbreak command_jobs", "continue", "tide-ring vmem0", machine=machine)  # fmt: skip
    assert "No virtio-mem device is in use." in told
    queued, after = told.split("Breakpoint 2, ", 1)[1].split("Breakpoint 3, ", 1)
    for expected in (*RING[packed], "buffer 0: PLUG of blocks 0 to 31, no answer yet", "1 buffers outstanding",
                     "0 to      31  0x000100000000  in doubt"):  # fmt: skip
        assert expected in queued, told
    assert "0 buffers outstanding, 128 descriptors free" in after


def test_blocks_and_pages(image: Path) -> None:
    """Against what the commands of the monitor have done before: 4 MiB that may move, and 100 KiB."""
    machine = ("--device", "256M,requested=64M", "--append", 'run="vm alloc 4M; alloc 100K; jobs"')
    told = run_gdb(image, "hbreak command_jobs", "continue", "tide-blocks", "tide-page 0x103e00000", "tide-page 0x104000000",
                   "tide-page 0xffff800000201000", "tide-page kmain", "tide-page 0xffff700000000000", machine=machine)  # fmt: skip
    blocks, unused, unplugged, area, code, nowhere = told.split("Breakpoint 2, ", 1)[1].replace("\n0x", "\0").split("\0", 5)
    for expected in ("vmem0: TRACKING, region 0x100000000 +256M, block 2M, requested 64M",
                     "128 blocks: 32 online, 0 in doubt, 96 unplugged", "online, all of its frames in use",
                     "online, some of its frames in use", "online, none of its frames in use", "32 to     127"):  # fmt: skip
        assert expected in blocks, told
    assert "vmem0 block 31 (0x103e00000 +2M), online" in unused and "idle" in unused and "frame: number 0 of it, free" in unused
    assert "not present" in unplugged and "vmem0 block 32 (0x104000000 +2M), unplugged" in unplugged
    assert "movable, owner 'vm, 2 MiB'" in area and "number 1 of it, in use" in area and "level 4 [256]" in area
    assert "read-only, executable" in code and "symbol: kmain" in code and "not the allocator's" in code
    assert "not present" in nowhere


def test_what_the_commands_do_not_take(image: Path) -> None:
    for command, words in (("tide-page", "expected an address, as in: tide-page 0x140005000"),
                           ("tide-page devices", "expected a number, a pointer or a function"),
                           ("tide-blocks vmem7", "'vmem7' is no device that is in use; there is none")):  # fmt: skip
        assert words in run_gdb(image, command)

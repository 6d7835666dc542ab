# SPDX-License-Identifier: BSD-2-Clause
"""The two guests of `make bench`, behind one interface: one way of measuring serves both columns."""

import re
from pathlib import Path

from . import checkerboard
from .guest import Guest
from .linux import LinuxFiles, LinuxMonitor, command_line
from .machine import Machine, MemDevice
from .qemu import Qemu
from .units import MIB

MEMORY = 512 * MIB  # at boot: Linux needs 128 MiB of it for the struct pages of 8 GiB
WAIT_SECONDS = 300
CALM_LOOKS = 5  # so many in a row find the processors halted: the guest has no more to do


def quiet(qemu: Qemu, size: int) -> None:
    """Wait until QEMU counts `size` as plugged and the guest has nothing to do any more."""
    calm = 0

    def is_calm() -> bool:
        nonlocal calm
        calm = calm + 1 if qemu.halted() and qemu.size("vmem0") == size else 0
        return calm >= CALM_LOOKS

    qemu.wait_for(is_calm, lambda: f"{qemu.size('vmem0')} bytes to become {size}, and a guest that halts", WAIT_SECONDS)


def check_held(nr_held: int, size: int, per_cent: int) -> None:
    """RuntimeError if fewer than so many of every second pageblock are held."""
    every_second = size // checkerboard.PAGEBLOCK // 2
    if not every_second * per_cent // 100 <= nr_held <= every_second:
        raise RuntimeError(f"{nr_held} pageblocks of {size} bytes are held, expected {every_second}")


class TideGuest:
    """Tide; a resize ends with its settled line and what follows, until nothing is left to do."""

    boots = 5  # of each measurement
    start_pairs = 21
    ready = b"tide: ready"
    patterns = ("hot", "bulk", "random")  # of do_pairs

    def __init__(self, image: Path):
        self.image = image

    def machine(self, size: int, kind: str = "q35", log: str = "", movable: bool = True) -> Machine:
        """With `movable` false the guest may put into plugged memory what it cannot move; Tide always may."""
        # The host may have less memory than is plugged.
        return Machine(self.image, type=kind, memory=MEMORY, append=f"log={log}" if log else "",
                       devices=[MemDevice("vmem0", size=size, reserve=False)])  # fmt: skip

    def wait_ready(self, qemu: Qemu) -> None:
        qemu.guest.wait_ready(WAIT_SECONDS)

    def resize(self, qemu: Qemu, size: int) -> None:
        mark = qemu.guest.console.mark()
        qemu.set_requested("vmem0", size)
        qemu.guest.wait_settled("vmem0", size, mark, WAIT_SECONDS)
        quiet(qemu, size)

    def hold_every_second(self, qemu: Qemu, size: int) -> None:
        """Hold every second pageblock of the `size` bytes that are plugged."""
        check_held(checkerboard.hold(qemu.guest), size, 100)

    def do_pairs(self, qemu: Qemu, pattern: str, order: int, nr_pairs: int, nr_cpus: int) -> None:
        """Allocate so often and free, on each of the processors."""
        if nr_cpus > 1:
            qemu.guest.console.wait(rf"^cpu: {nr_cpus} processors run", 0, WAIT_SECONDS)
        output = qemu.guest.command(f"bench {pattern} {order} {nr_pairs} {nr_cpus}", WAIT_SECONDS)
        if f"pairs={nr_pairs * nr_cpus} failed=0" not in output:
            raise RuntimeError(f"bench failed in the guest: {output}")


class LinuxGuest:
    """Linux; it takes memory online after the device has plugged it, and a resize ends when it halts."""

    boots = 1  # a few per cent do not matter where Tide needs a hundredth
    start_pairs = 3
    ready = b"linux: ready"
    patterns = ("hot", "bulk")

    def __init__(self, files: LinuxFiles):
        self.files = files

    def name(self) -> str:
        """The version, as in 6.1.192-3."""
        match = re.search(r"_([\d.]+-\d+)_", self.files.version() or "")
        return match[1] if match else "unknown"

    def machine(self, size: int, kind: str = "q35", log: str = "", movable: bool = True) -> Machine:
        """It logs nothing of a resize, whatever `log` says."""
        online = "online_movable" if movable else "online_kernel"
        return Machine(self.files.kernel, type=kind, memory=MEMORY, append=command_line(False, online),
                       devices=[MemDevice("vmem0", size=size, reserve=False)],
                       extra=["-initrd", str(self.files.initrd)])  # fmt: skip

    def wait_ready(self, qemu: Qemu) -> None:
        monitor: Guest = LinuxMonitor(qemu.guest.console)
        qemu.guest = monitor
        monitor.wait_ready(WAIT_SECONDS)

    def resize(self, qemu: Qemu, size: int) -> None:
        qemu.set_requested("vmem0", size)
        quiet(qemu, size)

    def hold_every_second(self, qemu: Qemu, size: int) -> None:
        """By the module of tools/linux/pages.c. A few blocks have pages of the kernel's own."""
        base = int(qemu.qmp.get("vmem0", "memaddr"))
        check_held(self.number(qemu, f"pages hold {base:#x} {size:#x}", "held"), size, 95)
        quiet(qemu, size)

    def do_pairs(self, qemu: Qemu, pattern: str, order: int, nr_pairs: int, nr_cpus: int) -> None:
        """On one processor."""
        if nr_cpus != 1 or self.number(qemu, f"pages pairs {pattern} {order} {nr_pairs}", "pairs") != nr_pairs:
            raise RuntimeError(f"Linux has not done {nr_pairs} pairs of {pattern} on {nr_cpus} processors")

    def number(self, qemu: Qemu, command: str, name: str) -> int:
        """What an answer says of `name`."""
        answer = qemu.guest.command(command, WAIT_SECONDS)
        match = re.search(rf"{name}=(\d+)", answer)
        if not match:
            raise RuntimeError(f"Linux answered '{command}' by: {answer.strip()}")
        return int(match[1])


BenchGuest = TideGuest | LinuxGuest

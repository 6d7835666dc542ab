# SPDX-License-Identifier: BSD-2-Clause
"""An image's start, from QEMU's own to its line, as in `tide: ready`, as the host sees it.

Each function starts the machine, waits for the line and ends QEMU. Beside Tide
stands the image that does nothing (tests/bench/nop.S): what both need is
QEMU's and the firmware's.
"""

import os
import socket
import subprocess
from pathlib import Path

from .accesses import TRACE, Access, join_strings, read_accesses
from .insn_count import InsnCount
from .machine import Machine
from .qemu import die_with_parent, find_qemu

READY = b"tide: ready"
WAIT_SECONDS = 300
# 32 ns an instruction: the whole start takes less than a tick, on a busy host too.
VIRTUAL_TIME = ["-icount", "shift=5"]


def _start(machine: Machine, ready: bytes, *arguments: str) -> float:
    """The seconds of processor time, user and system, that QEMU has taken when it is ended."""
    ours, theirs = socket.socketpair()
    argv = machine.argv(find_qemu()) + list(arguments)
    argv += ["-chardev", f"socket,id=com1,fd={theirs.fileno()}", "-serial", "chardev:com1"]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), preexec_fn=die_with_parent)
    theirs.close()
    ours.settimeout(WAIT_SECONDS)
    seen = b""
    try:
        while ready not in seen:
            data = ours.recv(4096)
            if not data:
                raise RuntimeError(f"{machine.kernel} ended before it was ready: {seen!r}")
            seen += data
    finally:
        process.kill()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        ours.close()
    return usage.ru_utime + usage.ru_stime


def cpu_seconds(machine: Machine, ready: bytes = READY) -> float:
    """The processor time of QEMU's process, its own start included: another program's load is not in it."""
    return _start(machine, ready)


def instructions(machine: Machine, insn_count: InsnCount, ready: bytes = READY) -> int:
    """Guest instructions, the firmware's included, by the plugin."""
    _start(machine, ready, *insn_count.arguments())
    return insn_count.instructions()


def blocks(machine: Machine, insn_count: InsnCount, mark: str | None = None) -> int:
    """What QEMU translates until the image runs its function `mark`: most of a start's time under TCG."""
    _start(machine, READY, *insn_count.arguments(machine.kernel, mark))
    return insn_count.blocks()


def accesses(machine: Machine, trace: Path) -> list[Access]:
    """The accesses up to the line, under KVM an exit each; a string that is written at once is one."""
    _start(machine, READY, *VIRTUAL_TIME, *TRACE, "-D", str(trace))
    found = read_accesses(trace)
    written = b""
    for i, access in enumerate(found):
        if access.is_write and (access.device, access.register) == ("serial", "data"):
            written += bytes([access.value & 0xFF])
        if written.endswith(READY):
            return join_strings(found[: i + 1])
    raise RuntimeError(f"{trace} does not have {READY!r}, which the port has sent")

# SPDX-License-Identifier: BSD-2-Clause
"""An image's start, from QEMU's own to its line, as in `tide: ready`, as the host sees it.

Each function starts the machine, waits for the line and ends QEMU. Beside Tide
stands the image that does nothing (tests/bench/nop.S): what both need is
QEMU's and the firmware's.
"""

import os
import re
import socket
import subprocess
from collections import Counter
from pathlib import Path

from .insn_count import InsnCount
from .machine import Machine
from .qemu import die_with_parent, find_qemu

READY = b"tide: ready"
WAIT_SECONDS = 300
# 16 ns an instruction: the whole start takes less than a tick, on a busy host too.
VIRTUAL_TIME = ["-icount", "shift=4"]
_ACCESS = re.compile(
    r"memory_region_ops_(?P<way>read|write) cpu \d+ .* addr (?P<address>\w+) value (?P<value>\w+)"
    r" size \d+ name '(?P<name>[^']*)'"
)


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


def accesses(machine: Machine, trace: Path) -> Counter[str]:
    """How often the processor has reached each of QEMU's devices: under KVM each access is an exit."""
    _start(machine, READY, *VIRTUAL_TIME, "-trace", "memory_region_ops_*", "-D", str(trace))
    counts: Counter[str] = Counter()
    written = b""
    for access in _ACCESS.finditer(trace.read_text(errors="replace")):
        counts[access["name"]] += 1
        if (access["name"], access["way"], access["address"]) == ("serial", "write", "0x3f8"):
            written += bytes([int(access["value"], 16) & 0xFF])
            if written.endswith(READY):
                return counts
    raise RuntimeError(f"{trace} does not have {READY!r}, which the port has sent")

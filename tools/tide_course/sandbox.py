# SPDX-License-Identifier: BSD-2-Clause
"""One test as a process of its own: its time, its output and its network are limited.

The time is the processor's, so a busy machine fails nobody. The time of the clock only ends a test
that sleeps for ever. Where the system does not let us cut the network off, the test runs all the same,
and can_cut_network() says so.
"""

import ctypes
import os
import resource
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

OUTPUT_BYTES = 64 << 20
CLOCK_BY_CPU = 20  # so many times the limit of the processor's time ...
CLOCK_SECONDS = 900  # ... and at least this ends a test that does nothing

_PR_SET_PDEATHSIG = 1
_ADDR_NO_RANDOMIZE = 0x0040000  # ThreadSanitizer does not know every layout that a new kernel draws
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Ended:
    status: int
    output: str
    reason: str = ""  # why it was ended, in words; empty if it ended by itself


def _cut_network() -> bool:
    """A network of its own, in which there is nothing; needs root or a user namespace."""
    if os.geteuid() == 0:
        return _libc.unshare(_CLONE_NEWNET) == 0
    uid, gid = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    except OSError:
        os._exit(1)  # half a namespace: only the trial of can_cut_network() comes here
    return True


def can_cut_network() -> bool:
    """Tried once, in a process that does nothing else."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if _cut_network() else 1)
    return os.waitpid(pid, 0)[1] == 0


def run(command: list[str], log: Path, environment: dict[str, str], cpu_seconds: int, no_network: bool) -> Ended:
    """Run a test to its end; its output is in the log, too."""

    def limit() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _libc.personality(_ADDR_NO_RANDOMIZE)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))
        resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_BYTES, OUTPUT_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if no_network:
            _cut_network()

    reason = ""
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                   env=environment, preexec_fn=limit, start_new_session=True)  # fmt: skip
        try:
            status = process.wait(max(CLOCK_SECONDS, CLOCK_BY_CPU * cpu_seconds))
        except subprocess.TimeoutExpired:
            reason = "it did not end"
        finally:  # what it started goes with it, on Ctrl-C as well
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            status = process.wait()
    if status == -signal.SIGXCPU:
        reason = f"it took more than {cpu_seconds} s of a processor: is there a loop without an end?"
    elif status == -signal.SIGXFSZ:
        reason = f"it wrote more than {OUTPUT_BYTES >> 20} MiB"
    return Ended(status, log.read_text(errors="replace"), reason)

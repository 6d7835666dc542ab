# SPDX-License-Identifier: BSD-2-Clause
"""One running QEMU: its process, its QMP session, its guest's console.

Always used with `with`: whatever happens inside, QEMU is ended by its pid, and
it ends by itself if this program dies or its time is up.
"""

import ctypes
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Callable

from .guest import Console, Guest
from .machine import Machine
from .qmp import WAIT_SECONDS, Qmp, QmpClosed, watch_socket
from .trace import Trace, read_trace

LIFE_SECONDS = 1800.0
# In the folder of a machine that another program may talk to; see beside.py.
SERIAL_SOCKET, CONTROL_SOCKET = "serial.sock", "control.sock"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class QemuFailed(Exception):
    """QEMU did not start, or did not end as it should."""


def find_qemu() -> str:
    """The QEMU to run: the environment's QEMU, else Debian's name."""
    return os.environ.get("QEMU") or "qemu-system-x86_64"


def die_with_parent(signal_number: int = signal.SIGKILL) -> None:
    """For preexec_fn: the new process gets the signal when the thread that started it ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal_number)


def resident_bytes(pid: int) -> int:
    """The resident memory of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    return int(match.group(1)) * 1024 if match else 0


class Qemu:
    """A machine, started. The folder receives qemu.cmd, qemu.log, serial.log and trace.log.

    At qmp_path and at watch_socket(qmp_path) others may speak to QEMU, one client on each. With is_shared, the guest's
    serial port is not this program's: another one talks to it, and to QEMU, by two sockets in the folder (beside.py).
    life_seconds is when QEMU is killed at the latest; None where a person ends it.
    """

    def __init__(
        self,
        machine: Machine,
        folder: Path | None = None,
        qemu: str | None = None,
        trace: bool = True,
        qmp_path: Path | None = None,
        life_seconds: float | None = LIFE_SECONDS,
        serial_copy: Callable[[bytes], None] | None = None,
        is_shared: bool = False,
    ):
        self.machine = machine
        self.own_folder = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="tide-")) if folder is None else folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.argv = machine.argv(qemu or find_qemu())
        if trace:
            self.argv += ["-trace", "virtio_mem_*", "-D", str(self.folder / "trace.log")]
        self._sockets = [] if qmp_path is None else [qmp_path, watch_socket(qmp_path)]
        self._serial_socket = self.folder / SERIAL_SOCKET if is_shared else None
        if is_shared:
            self._sockets.append(self.folder / CONTROL_SOCKET)
        for path in self._sockets:
            self.argv += ["-qmp", f"unix:{path},server=on,wait=off"]
        self._life_seconds = life_seconds
        self._serial_copy = serial_copy
        self._watchdog: threading.Timer | None = None
        self.process: subprocess.Popen[bytes]
        self.qmp: Qmp
        self.guest: Guest

    def __enter__(self) -> "Qemu":
        serial, serial_theirs = socket.socketpair()
        # The guest drops output when nobody takes it for long, and a busy host may not run us soon.
        serial_theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        control, control_theirs = socket.socketpair()
        where = f"fd={serial_theirs.fileno()}"
        if self._serial_socket:
            where = f"path={self._serial_socket},server=on,wait=off"
        argv = self.argv + [
            "-chardev", f"socket,id=com1,{where},logfile={self.folder / 'serial.log'}",
            "-serial", "chardev:com1" if self.machine.serial else "none",
            "-chardev", f"socket,id=control,fd={control_theirs.fileno()}",
            "-mon", "chardev=control,mode=control",
        ]  # fmt: skip
        (self.folder / "qemu.cmd").write_text(shlex.join(argv) + "\n")
        try:
            with open(self.folder / "qemu.log", "wb") as output:
                self.process = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(serial_theirs.fileno(), control_theirs.fileno()),
                    start_new_session=True,
                    preexec_fn=die_with_parent,
                )
        except (FileNotFoundError, PermissionError) as error:
            self._remove_folder()
            what = "there is no" if isinstance(error, FileNotFoundError) else "this is no program:"
            raise QemuFailed(f"{what} {argv[0]}: run `make setup`, or set QEMU=") from error
        finally:
            serial_theirs.close()
            control_theirs.close()
        if self._life_seconds is not None:
            self._watchdog = threading.Timer(self._life_seconds, self.process.kill)
            self._watchdog.daemon = True
            self._watchdog.start()
        self.guest = Guest(Console(serial, self._serial_copy))
        try:
            self.qmp = Qmp(control)
        except QmpClosed as error:
            self.process.wait(WAIT_SECONDS)
            if self.guest.console.wait_end():
                return self  # the guest ran, and has ended QEMU before QMP was up
            message = self.output().strip() or str(error)
            self.__exit__()
            raise QemuFailed(f"QEMU did not start: {message}") from error
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._watchdog:
            self._watchdog.cancel()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.guest.console.close()
        if hasattr(self, "qmp"):
            self.qmp.close()
        for path in [*self._sockets, self._serial_socket]:
            if path:
                path.unlink(missing_ok=True)  # QEMU was killed, and left them
        self._remove_folder()

    def _remove_folder(self) -> None:
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def ended(self) -> bool:
        """Whether QEMU has ended."""
        return self.process.poll() is not None

    # ---- the host's view ----

    def output(self) -> str:
        """What QEMU itself printed."""
        return (self.folder / "qemu.log").read_text(errors="replace")

    def trace(self) -> Trace:
        """The virtio-mem requests up to now."""
        return read_trace(self.folder / "trace.log")

    def set_requested(self, device: str, size: int) -> None:
        """Ask the guest for `size` bytes; QmpError says what QEMU does not allow."""
        self.qmp.set(device, "requested-size", size)

    def requested(self, device: str) -> int:
        return int(self.qmp.get(device, "requested-size"))

    def size(self, device: str) -> int:
        """Bytes plugged, by QEMU's own account."""
        return int(self.qmp.get(device, "size"))

    def wait_size(self, device: str, size: int, wait_seconds: float = WAIT_SECONDS) -> None:
        """Wait until QEMU counts `size` bytes as plugged."""

        def reached() -> bool:
            return self.size(device) == size

        self.wait_for(reached, lambda: f"{device} to have {size} plugged, not {self.size(device)}",
                      wait_seconds)  # fmt: skip

    def wait_for(
        self,
        condition: Callable[[], bool],
        what: str | Callable[[], str],
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        """Wait until the condition holds, asked every few milliseconds."""
        deadline = time.monotonic() + wait_seconds
        pause = 0.0005
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited for {what() if callable(what) else what}")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.02)

    def resident(self) -> int:
        """QEMU's resident memory in bytes."""
        return resident_bytes(self.process.pid)

    def backend_resident(self, size: int) -> int:
        """Resident bytes of the mapping that is exactly `size` bytes long: a device's backend."""
        smaps = Path(f"/proc/{self.process.pid}/smaps").read_text()
        pattern = rf"^Size:\s+{size // 1024} kB\n(?:.*\n)*?Rss:\s+(\d+) kB"
        found = [int(kib) * 1024 for kib in re.findall(pattern, smaps, re.MULTILINE)]
        if not found:
            raise QemuFailed(f"QEMU has no mapping of {size} bytes")
        return max(found)

    def halted(self) -> bool:
        """Whether each virtual processor sleeps until an interrupt."""
        told = self.qmp.human("info registers -a")
        return "HLT=0" not in told and "HLT=1" in told

    # ---- its end ----

    def wait_exit(self, wait_seconds: float = WAIT_SECONDS) -> int:
        """Wait until QEMU ends by itself; its exit status (see include/exit_status.h)."""
        try:
            return self.process.wait(wait_seconds)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError("QEMU did not end") from error

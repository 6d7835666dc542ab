# SPDX-License-Identifier: BSD-2-Clause
"""A libvirt of the tests' own: its folders, its two daemons, virsh.

Only inside tests/libvirt/run: everything here is mounted over the system's
own places, and ends with the namespace.
"""

import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Callable

WAIT_SECONDS = 300.0
IMAGES = Path("/var/lib/libvirt/images")
LOGS = Path("/var/log/libvirt")
HUGE_PAGES = Path("/proc/sys/vm/nr_hugepages")
HUGE_PAGES_FREE = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
_HUGE_MOUNT = Path("/run/tide-hugepages")
_SOCKET = Path("/run/libvirt/libvirt-sock")

# Control groups are the whole machine's: none are made. No namespace inside the namespace.
_QEMU_CONF = f"""cgroup_controllers = [ ]
namespaces = [ ]
hugetlbfs_mount = "{_HUGE_MOUNT}"
"""


def wait_for(condition: Callable[[], bool], what: str, wait_seconds: float = WAIT_SECONDS) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + wait_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited for {what}")
        time.sleep(0.05)


class VirshFailed(Exception):
    """virsh ended with an error; the message is what it said."""


def virsh(*words: str) -> str:
    """Run one virsh command and give what it printed."""
    done = subprocess.run(
        ["virsh", "-c", "qemu:///system", *words],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WAIT_SECONDS,
    )  # fmt: skip
    if done.returncode != 0:
        raise VirshFailed(f"virsh {' '.join(words)}: {done.stdout}{done.stderr}".strip())
    return done.stdout


def set_huge_pages(number: int) -> None:
    """How many huge pages of 2 MiB the machine has; AssertionError where memory is too short."""
    HUGE_PAGES.write_text(str(number))
    assert int(HUGE_PAGES.read_text()) == number, f"{number} huge pages are more than there is room for"


class Libvirt:
    """virtlogd and libvirtd, from `with` to its end; their folders below `state` hold the logs."""

    def __init__(self, state: Path):
        self._state = state
        self._daemons: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Libvirt":
        assert os.environ.get("TIDE_LIBVIRT_NAMESPACE"), "only inside tests/libvirt/run"
        for name, place in (("etc", "/etc/libvirt"), ("lib", "/var/lib/libvirt"),
                            ("log", str(LOGS)), ("cache", "/var/cache/libvirt")):  # fmt: skip
            (self._state / name).mkdir(parents=True)
            subprocess.run(["mount", "--bind", self._state / name, place], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "tide", "/run"], check=True)
        for folder in (_SOCKET.parent, Path("/run/lock"), _HUGE_MOUNT, IMAGES):
            folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "hugetlbfs", "tide", _HUGE_MOUNT], check=True)
        (self._state / "etc/qemu.conf").write_text(_QEMU_CONF)
        for name in ("libvirtd.conf", "virtlogd.conf", "libvirt.conf"):
            (self._state / "etc" / name).touch()
        try:
            self._start("virtlogd", Path("/run/libvirt/virtlogd-sock"))
            self._start("libvirtd", _SOCKET)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(30)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def _start(self, name: str, path: Path) -> None:
        with open(self._state / f"{name}.log", "wb") as log:
            daemon = subprocess.Popen(
                [name, "--pid-file", f"/run/{name}.pid"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._daemons.append(daemon)

        def listens() -> bool:
            assert daemon.poll() is None, (self._state / f"{name}.log").read_text()
            with socket.socket(socket.AF_UNIX) as probe:
                return probe.connect_ex(str(path)) == 0

        wait_for(listens, f"{name} to listen at {path}")

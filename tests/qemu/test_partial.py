# SPDX-License-Identifier: BSD-2-Clause
"""A host that has less memory than it requests: what it has is plugged, and the rest once it is there.

The memory is a small tmpfs, in a mount namespace that begins and ends with QEMU.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
from helpers import Boot, requests_of, resize
from tide.machine import MemDevice
from tide.qemu import Qemu, find_qemu
from tide.units import MIB

# Without being root, in a user namespace as well.
_ROOT = os.geteuid() == 0
_UNSHARE = ["unshare", "--mount"] + ([] if _ROOT else ["--map-root-user"])
_ENTER = ["nsenter", "--mount"] + ([] if _ROOT else ["--user", "--preserve-credentials"])
_STARTER = """#!/bin/sh
exec {unshare} sh -c 'mount -t tmpfs -o size={size} tide "$0" && exec "$@"' {place} {qemu} "$@"
"""


@pytest.fixture
def place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where QEMU finds a tmpfs of 33 MiB, when it is started after this."""
    place = folder / "memory"
    place.mkdir()
    trial = [*_UNSHARE, "mount", "-t", "tmpfs", "tide", str(place)]
    done = subprocess.run(trial, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    starter = folder / "qemu.sh"
    starter.write_text(
        _STARTER.format(unshare=" ".join(_UNSHARE), size=33 * MIB, place=place, qemu=find_qemu())
    )
    starter.chmod(0o755)
    monkeypatch.setenv("QEMU", str(starter))
    return place


def give(qemu: Qemu, place: Path, size: int) -> None:
    """So much memory the host has from now on."""
    remount = ["mount", "-o", f"remount,size={size}", str(place)]
    subprocess.run([*_ENTER, "--target", str(qemu.process.pid), *remount], check=True, timeout=60)


def wait_short(qemu: Qemu, size: int) -> None:
    """Until the guest has found all that there is, and says that there is no more."""
    qemu.wait_size("vmem0", size)
    qemu.wait_for(
        lambda: "waiting: the host gives no more memory" in qemu.guest.command("status"),
        "the guest to say what it waits for",
    )
    assert qemu.size("vmem0") == size


def test_takes_what_the_host_has(boot: Boot, place: Path) -> None:
    qemu = boot(MemDevice("vmem0", backend="file", file=place / "vmem0", prealloc=True))
    mark = qemu.guest.console.mark()
    qemu.set_requested("vmem0", 96 * MIB)
    wait_short(qemu, 32 * MIB)
    qemu.guest.console.wait(r"warning: waiting, the host gives no more memory: requested=\d+", mark)
    kinds = {kind for kind, _ in requests_of(qemu)}
    assert kinds == {"plug"}, "nothing is given back only to be asked for again"
    give(qemu, place, 49 * MIB)
    wait_short(qemu, 48 * MIB)
    give(qemu, place, 256 * MIB)
    settled = qemu.guest.wait_settled("vmem0", 96 * MIB, mark)
    assert settled.plugged == qemu.size("vmem0") == 96 * MIB
    assert resize(qemu, "vmem0", 128 * MIB).requests == 1, "nothing is left of it"
    busy = re.search(r"busy=(\d+)", qemu.guest.command("status"))
    assert busy and int(busy[1]) > 0
    resize(qemu, "vmem0", 0)

# SPDX-License-Identifier: BSD-2-Clause
"""tools/resize against a real QEMU with two devices and no guest, and with Tide."""

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from conftest import BUILD, TREE
from tide.machine import Machine, MemDevice
from tide.qemu import Qemu
from tide.qmp import WAIT_SECONDS, Qmp, watch_socket

MIB = 1 << 20
GIB = 1 << 30
Resize = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "qmp.sock"


@pytest.fixture
def resize(socket_path: Path) -> Resize:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, str(TREE / "tools/resize"), "-s", str(socket_path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_SECONDS)

    return run


@pytest.fixture
def stopped(socket_path: Path, tmp_path: Path) -> Iterator[Qemu]:
    """A QEMU whose processors never start: what is requested stays requested."""
    devices = [
        MemDevice("vmem0", size=2 * GIB, reserve=False),
        MemDevice("vmem1", size=GIB, block=128 * MIB, reserve=False),
    ]
    machine = Machine(BUILD / "tide.elf", devices=devices, extra=["-S"])
    with Qemu(machine, tmp_path / "qemu", qmp_path=socket_path) as qemu:
        yield qemu


@pytest.fixture
def running(socket_path: Path, tmp_path: Path) -> Iterator[Qemu]:
    machine = Machine(BUILD / "tide.elf", devices=[MemDevice(reserve=False)])
    with Qemu(machine, tmp_path / "qemu", qmp_path=socket_path) as qemu:
        qemu.guest.wait_ready()
        yield qemu


def test_list(stopped: Qemu, resize: Resize) -> None:
    table = resize("list")
    assert table.returncode == 0
    assert [line.split()[:5] for line in table.stdout.splitlines() if "vmem" in line] == [
        ["vmem0", "0", "0", "2G", "2M"], ["vmem1", "0", "0", "1G", "128M"]]  # fmt: skip
    listed = json.loads(resize("list", "--json").stdout)
    assert [(one["name"], one["max"], one["block"]) for one in listed] == [
        ("vmem0", 2 * GIB, 2 * MIB), ("vmem1", GIB, 128 * MIB)]  # fmt: skip


@pytest.mark.parametrize("before, text, after", [
    (0, "512M", 512 * MIB),
    (0, "0x200000", 2 * MIB),
    (256 * MIB, "+1G", 1280 * MIB),
    (GIB, "-256M", 768 * MIB),
    (0, "50%", GIB),
    (0, "33.3%", 680 * MIB),  # whole blocks below 681.98 MiB
    (512 * MIB, "0", 0),
    (0, "100%", 2 * GIB),
])  # fmt: skip
def test_set(stopped: Qemu, resize: Resize, before: int, text: str, after: int) -> None:
    stopped.set_requested("vmem0", before)
    done = resize("set", "vmem0", text)
    assert done.returncode == 0, done.stderr
    assert stopped.requested("vmem0") == after and stopped.requested("vmem1") == 0


@pytest.mark.parametrize("words, status, said", [
    (("set", "512M"), 2, "there are 2 devices: name one of vmem0, vmem1"),
    (("set", "vmem2", "512M"), 2, "there is no virtio-mem device 'vmem2'; there is vmem0, vmem1"),
    (("set", "vmem0", "much"), 2, "'much' is not a size; expected 512M, +1G, -256M or 50%"),
    (("set", "vmem0", "101%"), 2, "'101%' is not a size"),
    (("set", "vmem0", "-1G"), 2, "1G would be -1G; vmem0 takes 0 to 2G in multiples of 2M"),
    (("set", "a", "b", "c"), 2, "set takes a size, or a device and a size, not 3 words"),
    (("set", "vmem1", "3M"), 1, "QEMU said: 'requested-size' has to be multiples of 'block-size' (0x8000000)\n"
                                "vmem1 takes 0 to 1G in multiples of 128M"),
    (("set", "vmem0", "3G"), 1, "QEMU said: 'requested-size' cannot exceed the memory backend size(0x80000000)\n"
                                "vmem0 takes 0 to 2G in multiples of 2M"),
])  # fmt: skip
def test_mistakes(stopped: Qemu, resize: Resize, words: tuple[str, ...], status: int, said: str) -> None:
    done = resize(*words)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    assert stopped.requested("vmem0") == stopped.requested("vmem1") == 0


def test_wait_for_the_guest(running: Qemu, resize: Resize) -> None:
    done = resize("set", "256M", "--wait", str(WAIT_SECONDS))
    assert done.returncode == 0 and done.stdout == "vmem0: requested 256M, plugged 256M of at most 2G\n"
    assert running.size("vmem0") == 256 * MIB
    running.guest.command("alloc 64M")
    late = resize("set", "vmem0", "0", "--wait", "0.3")
    assert late.returncode == 1 and "the guest did not follow within 0.3 s" in late.stderr
    assert "(not there yet)" in late.stdout


def test_watch(running: Qemu, resize: Resize) -> None:
    shown = resize("watch", "--seconds", "0.3", "--json")
    assert shown.returncode == 0
    (line,) = shown.stdout.splitlines()
    assert json.loads(line)["requested"] == 0


def test_watch_and_set_together(stopped: Qemu, resize: Resize, socket_path: Path) -> None:
    command = [sys.executable, str(TREE / "tools/resize"), "-s", str(socket_path), "watch", "--json"]
    with ExitStack() as stack:
        watching = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        stack.callback(watching.kill)
        assert watching.stdout
        shown = (json.loads(line) for line in watching.stdout)
        assert [next(shown)["requested"] for _ in range(2)] == [0, 0]
        for size in (64, 128):
            assert resize("set", "vmem0", f"{size}M").returncode == 0
            assert next(shown)["requested"] == size * MIB


def test_watch_without_a_second_socket(stopped: Qemu, resize: Resize, socket_path: Path) -> None:
    """As any QEMU has it; while another client is there, what to do is said."""
    watch_socket(socket_path).unlink()
    assert resize("watch", "--seconds", "0.1").returncode == 0
    other = Qmp.connect(socket_path)
    busy = resize("list")
    other.close()
    assert busy.returncode == 1 and "it serves one client on a socket: end the other one, or give" in busy.stderr


def test_nothing_that_is_read(running: Qemu, socket_path: Path) -> None:
    line = f"{sys.executable} {TREE}/tools/resize -s {socket_path} watch | head -n 1"
    done = subprocess.Popen(["/bin/sh", "-c", line], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.stdout and "requested 0" in done.stdout.readline()
    running.set_requested("vmem0", 64 * MIB)  # the next line finds that head is gone
    _, errors = done.communicate(timeout=60)
    assert errors == ""


def test_sockets_that_are_none(resize: Resize, socket_path: Path) -> None:
    """What QEMU left when it was killed, and another program's."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(socket_path))
        dead = resize("list")
        assert dead.returncode == 1
        assert f"{socket_path}: no QEMU listens there any more; expected the socket of a QEMU that runs" in dead.stderr
        listening.listen()
        with subprocess.Popen([sys.executable, str(TREE / "tools/resize"), "-s", str(socket_path), "list"],
                              stderr=subprocess.PIPE, text=True) as asking:  # fmt: skip
            with listening.accept()[0] as accepted:
                accepted.sendall(b"220 mail at your service\r\n")
                _, errors = asking.communicate(timeout=60)
    assert asking.returncode == 1 and "this is no QMP: '220 mail at your service" in errors


def test_a_qemu_that_was_killed_leaves_no_sockets(socket_path: Path, tmp_path: Path) -> None:
    with Qemu(Machine(BUILD / "tide.elf", extra=["-S"]), tmp_path / "qemu", qmp_path=socket_path):
        assert socket_path.exists() and watch_socket(socket_path).exists()
    assert not socket_path.exists() and not watch_socket(socket_path).exists()


def test_a_second_shell_takes_no_socket_away(stopped: Qemu, socket_path: Path, resize: Resize) -> None:
    command = [sys.executable, str(TREE / "tools/shell"), str(BUILD / "tide.elf"), "--qmp", str(socket_path)]
    done = subprocess.run(command, input="!quit\n", capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert f"{socket_path} belongs to a QEMU that runs already: this one has no socket" in done.stderr
    assert "vmem1" in resize("list").stdout


def test_socket_by_environment_and_without(stopped: Qemu, socket_path: Path) -> None:
    command = [sys.executable, str(TREE / "tools/resize"), "list"]
    environment = {key: value for key, value in os.environ.items() if key != "QMP_SOCKET"}

    def run(**more: str) -> Any:
        return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_SECONDS, env=environment | more)

    assert "vmem1" in run(QMP_SOCKET=str(socket_path)).stdout
    nothing = run()
    assert nothing.returncode == 2 and "give -s SOCKET, or set QMP_SOCKET" in nothing.stderr
    wrong = run(QMP_SOCKET="/no/such")
    assert wrong.returncode == 1 and "/no/such: No such file or directory" in wrong.stderr


def test_no_device(resize: Resize, socket_path: Path, tmp_path: Path) -> None:
    with Qemu(Machine(BUILD / "tide.elf", extra=["-S"]), tmp_path / "qemu", qmp_path=socket_path):
        assert "this QEMU has no virtio-mem device" in resize("list").stdout
        assert resize("set", "1G").returncode == 1

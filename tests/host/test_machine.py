# SPDX-License-Identifier: BSD-2-Clause
"""The QEMU command line of a machine, and the choice of the accelerator."""

from pathlib import Path

import pytest
from tide.accel import choose_accel, kvm_works
from tide.machine import Machine, MemDevice
from tide.units import GIB, MIB


def test_argv_of_a_device() -> None:
    machine = Machine(Path("tide.elf"), devices=[MemDevice("m", size=GIB, node=1, bus="b", addr="4")])
    argv = machine.argv("qemu")
    assert argv[argv.index("-object") + 1] == f"memory-backend-ram,id=m-mem,size={GIB}"
    assert "virtio-mem-pci,id=m,memdev=m-mem,block-size=2097152,requested-size=0,node=1,bus=b,addr=4" in argv
    assert "-no-reboot" in argv and "-append" not in argv


def test_room_for_every_device() -> None:
    devices = [MemDevice(f"m{i}", size=GIB, block=GIB) for i in range(3)]
    machine = Machine(Path("k"), memory=256 * MIB, devices=devices)
    assert machine.max_memory() >= 256 * MIB + 3 * GIB
    assert machine.max_memory() % GIB == 0


@pytest.mark.parametrize(
    ("flags", "device", "works"),
    [("fpu vmx sse", True, True), ("fpu svm", True, True), ("fpu vmx", False, False),
     ("fpu sse vmxoff", True, False), ("", True, False)],
)  # fmt: skip
def test_kvm_needs_the_flag_and_the_device(
    tmp_path: Path, flags: str, device: bool, works: bool
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nflags\t\t: {flags}\nbugs : vmx_none\n")
    if device:
        (tmp_path / "kvm").write_text("")
    assert kvm_works(cpuinfo, tmp_path / "kvm") is works


def test_accel_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCEL", "tcg")
    assert choose_accel() == "tcg"
    monkeypatch.setenv("ACCEL", "fast")
    with pytest.raises(ValueError, match="kvm or tcg"):
        choose_accel()

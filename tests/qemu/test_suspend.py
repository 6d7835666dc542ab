# SPDX-License-Identifier: BSD-2-Clause
"""Suspend to RAM: refused where memory could be lost, and everything as it was after the host's wake-up."""

import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from helpers import IMAGE, Boot, resize
from tide.machine import MemDevice
from tide.qemu import Qemu
from tide.qmp import WAIT_SECONDS
from tide.units import GIB, MIB

pytestmark = pytest.mark.load

KEEPS_MEMORY = (9, 2)  # the first QEMU whose device offers PERSISTENT_SUSPEND
MACHINES: dict[str, dict[str, Any]] = {
    "q35": {},
    "pc": {"type": "pc"},
    "q35-cpu-max-4-processors": {"cpu": "max", "cpus": 4},
    "pc-2-processors": {"type": "pc", "cpus": 2},
}


def needs_persistence(version: tuple[int, ...]) -> None:
    if version < KEEPS_MEMORY:
        pytest.skip("this QEMU's virtio-mem has no PERSISTENT_SUSPEND: 9.2 and later")


def fall_asleep(qemu: Qemu) -> int:
    """The place in the text before the command."""
    start = qemu.guest.send("suspend")
    qemu.guest.console.wait(r"^suspend: asleep$", start)
    qemu.wait_for(lambda: qemu.qmp.execute("query-status")["status"] == "suspended", "the guest to sleep")
    return start


def wake_up(qemu: Qemu, start: int) -> None:
    qemu.qmp.execute("system_wakeup")
    qemu.guest.console.wait(r"^suspend: awake$", start)


def sleep_and_wake(qemu: Qemu) -> None:
    wake_up(qemu, fall_asleep(qemu))


def wait_cpus(qemu: Qemu, start: int = 0) -> None:
    if qemu.machine.cpus > 1:
        qemu.guest.console.wait(rf"^cpu: {qemu.machine.cpus} processors run", start)


@pytest.mark.parametrize("name", MACHINES)
def test_memory_clock_console_and_processors_come_back(boot: Boot, name: str) -> None:
    """Twice, since the second time must find everything as the first did."""
    qemu = boot(**MACHINES[name])
    wait_cpus(qemu)
    qemu.guest.command("alloc 8M 4")
    qemu.guest.command("fill all")
    for _ in range(2):
        before, mark = qemu.guest.stats()["uptime ms"], qemu.guest.console.mark()
        sleep_and_wake(qemu)
        wait_cpus(qemu, mark)
        assert qemu.guest.command("check all").count("check: ok") == 4
        assert qemu.guest.command("cpus").startswith(f"cpus: running={qemu.machine.cpus}\n")
        qemu.wait_for(lambda: qemu.guest.stats()["uptime ms"] > before + 50, "the clock to go on")
    qemu.qmp.execute_last("system_powerdown")
    assert qemu.wait_exit() == 0, "the power button is heard"


@pytest.mark.parametrize("name", MACHINES)
def test_plugged_memory_stays(boot: Boot, name: str, qemu_version: tuple[int, ...]) -> None:
    needs_persistence(qemu_version)
    qemu = boot(MemDevice("vmem0"), MemDevice("vmem1", block=4 * MIB), **MACHINES[name])
    wait_cpus(qemu)
    resize(qemu, "vmem0", 512 * MIB)
    resize(qemu, "vmem1", 256 * MIB)
    qemu.guest.command("alloc 64M 8")
    qemu.guest.command("fill all")
    start = fall_asleep(qemu)
    assert (qemu.size("vmem0"), qemu.size("vmem1")) == (512 * MIB, 256 * MIB)
    wake_up(qemu, start)
    assert (qemu.size("vmem0"), qemu.size("vmem1")) == (512 * MIB, 256 * MIB)
    assert qemu.guest.command("check all").count("check: ok") == 8
    resize(qemu, "vmem0", GIB)
    assert qemu.guest.command("check all").count("check: ok") == 8
    qemu.guest.command("free all")
    resize(qemu, "vmem0", 0)
    resize(qemu, "vmem1", 0)
    assert qemu.guest.command("status").count("resets=0") == 2


@pytest.mark.parametrize("mode", ["intx", "poll"])
def test_a_resize_asked_for_while_asleep(boot: Boot, mode: str, qemu_version: tuple[int, ...]) -> None:
    """Behind a port, whose bus number and window are lost as well; without MSI-X the line must be routed again."""
    needs_persistence(qemu_version)
    port = "pcie-root-port,id=port0,chassis=1,slot=1"
    qemu = boot(MemDevice("vmem0", bus="port0"), buses=[port], append=f"virtio_mem.irq={mode}")
    resize(qemu, "vmem0", 128 * MIB)
    start = fall_asleep(qemu)
    mark = qemu.guest.console.mark()
    qemu.set_requested("vmem0", 512 * MIB)
    wake_up(qemu, start)
    qemu.guest.wait_settled("vmem0", 512 * MIB, mark)
    assert qemu.size("vmem0") == 512 * MIB
    resize(qemu, "vmem0", 64 * MIB)


def low_bytes(qemu: Qemu, folder: Path, address: int) -> bytes:
    file = folder / "low"
    qemu.qmp.execute("pmemsave", val=address, size=8, filename=str(file))
    return file.read_bytes()


def test_a_processor_that_begins_late_finds_a_halt(boot: Boot, folder: Path) -> None:
    """Where firmware starts processors always, and where the kernel does while it sleeps; see docs/decisions/low-memory.md."""
    stands_still = bytes.fromhex("faf4ebfcf0000000")  # cli; hlt; jmp to cli; SeaBIOS's second half
    qemu = boot(cpus=2)
    wait_cpus(qemu)
    assert low_bytes(qemu, folder, 0x10000) == stands_still
    assert low_bytes(qemu, folder, 0x8000) != stands_still
    mark = qemu.guest.console.mark()
    start = fall_asleep(qemu)
    assert low_bytes(qemu, folder, 0x10000) == low_bytes(qemu, folder, 0x8000) == stands_still
    wake_up(qemu, start)
    wait_cpus(qemu, mark)
    assert low_bytes(qemu, folder, 0x10000) == stands_still


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed")
def test_another_processor_at_the_waking_vector(boot: Boot, tmp_path: Path) -> None:
    """It puts no old memory over the new: the copies are the boot processor's."""
    stub = tmp_path / "gdb"
    qemu = boot(cpus=2, extra=["-gdb", f"unix:{stub},server=on,wait=off"])
    wait_cpus(qemu)
    mark = qemu.guest.console.mark()
    sleep_and_wake(qemu)
    wait_cpus(qemu, mark)
    qemu.guest.command("alloc 8M")
    qemu.guest.command("fill")
    steps = [f"target remote {stub}", "thread 2", "set $rip = &wake_64", "detach"]
    command = ["gdb", "-nx", "-batch", *(word for step in steps for word in ("-ex", step)), str(IMAGE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert done.returncode == 0, done.stderr
    qemu.guest.command("bench churn")  # wakes it, and it goes there
    assert qemu.guest.command("check").startswith("check: ok: 0: ")
    assert "cpus: 1 busy" in qemu.guest.command("cpus"), "it stands still"


@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_waking_on_a_busy_host(boot: Boot, machine: str) -> None:
    """Firmware does not wait for the processors that it starts: here they come late."""
    qemu = boot(type=machine, cpus=2)
    wait_cpus(qemu)
    with ExitStack() as stack:
        for _ in range(4):
            loop = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(loop.kill)
        for _ in range(12):
            mark = qemu.guest.console.mark()
            sleep_and_wake(qemu)
            wait_cpus(qemu, mark)
            assert qemu.guest.command("stats check") == "stats: check: ok\n"


PORT = ["pcie-root-port,id=port0,chassis=1,slot=1"]
SLOTS: dict[str, dict[str, Any]] = {
    "pc": {"type": "pc"},
    "q35-acpi": {"buses": PORT},
    "q35-native": {"buses": PORT},
}


def plug_in(qemu: Qemu, bus: str | None) -> None:
    qemu.qmp.execute("object-add", **{"qom-type": "memory-backend-ram", "id": "late-mem", "size": GIB})
    place = {"bus": bus} if bus else {}
    qemu.qmp.execute("device_add", driver="virtio-mem-pci", id="late", memdev="late-mem",
                     **{"requested-size": 128 * MIB}, **place)  # fmt: skip


@pytest.mark.parametrize("name", SLOTS)
def test_a_device_plugged_in_while_asleep(boot: Boot, name: str) -> None:
    extra = ["-m", "256M,maxmem=16G"]
    if name == "q35-native":
        extra += ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"]
    qemu = boot(extra=extra, **SLOTS[name])
    start = fall_asleep(qemu)
    plug_in(qemu, None if name == "pc" else "port0")
    wake_up(qemu, start)
    qemu.guest.wait_settled("vmem0", 128 * MIB, start)
    assert qemu.size("late") == 128 * MIB
    mark = qemu.guest.console.mark()
    qemu.set_requested("late", 256 * MIB)
    qemu.guest.wait_settled("vmem0", 256 * MIB, mark)


def refused(qemu: Qemu, reason: str) -> None:
    answer = qemu.guest.command("suspend")
    assert f"error: suspend: refused: {reason}" in answer
    assert "suspend: asleep" not in answer, "it is said when nothing can refuse any more"
    assert qemu.qmp.execute("query-status")["status"] == "running"


def test_refused_where_the_device_may_lose_memory(boot: Boot, qemu_version: tuple[int, ...]) -> None:
    if qemu_version >= KEEPS_MEMORY:
        pytest.skip("this QEMU's virtio-mem always offers PERSISTENT_SUSPEND; 9.1 and earlier do not")
    qemu = boot(MemDevice("vmem0"))
    resize(qemu, "vmem0", 64 * MIB)
    refused(qemu, "vmem0 does not keep plugged memory")
    resize(qemu, "vmem0", 128 * MIB)


def interrupts(qemu: Qemu) -> int:
    return int(qemu.guest.command("status").split("interrupts=")[1].split()[0])


def test_refused_without_acpi(boot: Boot) -> None:
    refused(boot(type="pc,acpi=off"), "ACPI does not tell how")


def test_a_refusal_changes_nothing(boot: Boot, qemu_version: tuple[int, ...]) -> None:
    """The device interrupts as before, for a change of its config space as well: it is not found by polling."""
    needs_persistence(qemu_version)
    qemu = boot(MemDevice("vmem0"), cpus=2, type="q35,acpi=off")
    wait_cpus(qemu)
    resize(qemu, "vmem0", 64 * MIB)
    for _ in range(3):
        refused(qemu, "ACPI does not tell how")
    before = interrupts(qemu)
    resize(qemu, "vmem0", 128 * MIB)
    assert interrupts(qemu) >= before + 2, "one for the config space, one for the request"


def test_refused_under_firmware_that_does_not_resume(boot: Boot) -> None:
    """SeaBIOS and qboot have the same ACPI tables, from QEMU; qboot boots again instead of waking."""
    refused(boot(bios="qboot.rom"), "the firmware, qboot, does not resume")


def test_refused_while_a_processor_works(boot: Boot) -> None:
    qemu = boot(cpus=2)
    wait_cpus(qemu)
    qemu.guest.command("bench churn")
    refused(qemu, "another processor works")
    qemu.guest.command("bench churn stop")
    sleep_and_wake(qemu)


def test_refused_where_the_copies_find_no_memory(boot: Boot) -> None:
    """The stacks of many processors have taken all there is."""
    qemu = boot(memory=4 * MIB, cpus=60)
    qemu.guest.console.wait(r"^cpu: \d+ processors run")
    refused(qemu, "no memory for what must be kept")

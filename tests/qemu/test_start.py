# SPDX-License-Identifier: BSD-2-Clause
"""The start and the end: sizes set early, resets, blocks that an earlier driver left plugged."""

from pathlib import Path

import pytest
from helpers import BUILD, IMAGE, Boot, requests_of, resize
from tide import start
from tide.insn_count import InsnCount
from tide.machine import Machine, MemDevice
from tide.units import GIB, MIB

pytestmark = pytest.mark.load


@pytest.mark.parametrize("machine", ["q35", "pc"])
@pytest.mark.parametrize("requested", [2 * MIB, 512 * MIB, 2 * GIB])
def test_requested_size_at_start(boot: Boot, machine: str, requested: int) -> None:
    """`tide: ready` comes after the first plan: the memory is there by then."""
    qemu = boot(MemDevice("vmem0", size=2 * GIB, requested=requested), type=machine)
    assert qemu.size("vmem0") == requested
    qemu.guest.wait_settled("vmem0", requested)
    resize(qemu, "vmem0", 0)


def test_size_set_before_the_driver_is_up(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"), extra=["-S"], ready=False)
    qemu.set_requested("vmem0", 768 * MIB)
    qemu.qmp.execute("cont")
    qemu.guest.wait_ready()
    assert qemu.size("vmem0") == 768 * MIB


def test_size_changed_all_through_the_boot(boot: Boot) -> None:
    """The host sets a size at any moment of the start, and once behind it: the last one is reached."""
    qemu = boot(MemDevice("vmem0", requested=512 * MIB), ready=False)
    sizes = [GIB, 2 * MIB, 256 * MIB]
    is_ready = False
    while not is_ready:
        is_ready = "tide: ready" in qemu.guest.console.text
        sizes.append(sizes.pop(0))
        qemu.set_requested("vmem0", sizes[-1])
    qemu.wait_size("vmem0", sizes[-1])
    qemu.guest.wait_settled("vmem0", sizes[-1])


def test_start_costs_one_request(boot: Boot) -> None:
    """Nothing is left plugged by an earlier driver, so there is nothing to give back."""
    qemu = boot(MemDevice("vmem0", requested=64 * MIB))
    assert requests_of(qemu) == [("plug", "ack")]


def test_what_the_start_takes(folder: Path, qemu_version: tuple[int, ...]) -> None:
    """Under qboot, beyond the image that does nothing: no count depends on the host's speed."""
    if qemu_version >= (8, 0):
        pytest.skip("the counts are those of QEMU 7.2's machine")
    ours, nothing = (
        Machine(image, bios="qboot.rom", exit_device=False, devices=[MemDevice("vmem0")])
        for image in (IMAGE, BUILD / "bench/nop.elf")
    )
    insn_count = InsnCount(BUILD / "plugin/insn_count.so", folder / "instructions")
    assert start.instructions(ours, insn_count) - start.instructions(nothing, insn_count) <= 250_000
    # The compiler's version has a say in it.
    assert start.blocks(ours, insn_count, "devices_ready") - start.blocks(nothing, insn_count) <= 1_950
    trace = folder / "accesses.log"
    base = len(start.accesses(nothing, trace))
    assert len(start.accesses(ours, trace)) - base <= 250
    ours.append = "log=error"  # without most of the text
    assert len(start.accesses(ours, trace)) - base <= 230


@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_4_mib_of_boot_memory(boot: Boot, machine: str) -> None:
    """They carry 1 GiB, most of it in use or a quarter of it in small pieces, and give all of it back."""
    qemu = boot(MemDevice("vmem0", requested=GIB), type=machine, memory=4 * MIB)
    assert qemu.size("vmem0") == GIB
    resize(qemu, "vmem0", 0)
    resize(qemu, "vmem0", GIB)
    for held in ("alloc 900M", "alloc 60K 4096"):
        assert "error" not in qemu.guest.command(held)
        for verb in ("fill all", "check all"):
            assert "error" not in qemu.guest.command(verb), verb
        resize(qemu, "vmem0", GIB - 64 * MIB)
        assert "error" not in qemu.guest.command("check all")
        qemu.guest.command("free all")
        resize(qemu, "vmem0", 0)
        assert qemu.backend_resident(2 * GIB) == 0
        resize(qemu, "vmem0", GIB)
    resize(qemu, "vmem0", 0)


@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_system_reset_with_memory_plugged(boot: Boot, machine: str) -> None:
    qemu = boot(MemDevice("vmem0"), type=machine, reset_allowed=True)
    resize(qemu, "vmem0", GIB)
    assert "alloc: 0" in qemu.guest.command("alloc 700M")
    for _ in range(2):
        mark = qemu.guest.console.mark()
        qemu.qmp.execute("system_reset")
        qemu.guest.console.wait(r"^(tide> )*tide: ready$", mark)
        qemu.guest.wait_settled("vmem0", GIB, mark)
        assert qemu.size("vmem0") == GIB
    resize(qemu, "vmem0", 0)


def test_system_reset_in_the_middle_of_a_resize(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", size=8 * GIB), reset_allowed=True)
    for size in (8 * GIB, 0, 6 * GIB):
        mark = qemu.guest.console.mark()
        qemu.set_requested("vmem0", size)
        qemu.qmp.execute("system_reset")
        qemu.guest.console.wait(r"^(tide> )*tide: ready$", mark)
        qemu.wait_size("vmem0", size)


NO_PIC, NO_WAY = "there is no 8259 interrupt controller", "the 8259 does not reach the processor"

# name -> machine, processor, processors, virtio_mem.irq, what is said to be missing
BARE_MACHINES = {
    "q35-no-pic": ("q35,pic=off", "qemu64", 1, "auto", None),
    "q35-no-pic-intx": ("q35,pic=off", "qemu64", 1, "intx", None),
    "q35-no-pic-poll": ("q35,pic=off", "qemu64", 2, "poll", None),
    "pc-no-pic": ("pc,pic=off", "qemu64", 2, "auto", None),
    "pc-no-pic-no-acpi": ("pc,pic=off,acpi=off,hpet=off", "qemu64", 1, "auto", None),
    "q35-no-pic-no-apic": ("q35,pic=off", "qemu64,-apic", 1, "auto", NO_PIC),
    "q35-no-apic": ("q35", "qemu64,-apic", 2, "auto", NO_WAY),
    "q35-no-apic-poll": ("q35", "qemu64,-apic", 2, "poll", NO_WAY),
    "pc-no-apic-no-acpi": ("pc,acpi=off", "qemu64,-apic", 2, "auto", NO_WAY),
    "q35-no-apic-one-processor": ("q35", "qemu64,-apic", 1, "auto", None),
    "pc-no-hpet": ("pc,hpet=off", "qemu64", 1, "auto", None),
    "q35-no-keyboard": ("q35,i8042=off,smbus=off,sata=off", "qemu64", 1, "auto", None),
    "pc-no-keyboard": ("pc,i8042=off,vmport=off,smm=off", "qemu64", 1, "auto", None),
}


@pytest.mark.parametrize("name", BARE_MACHINES)
def test_follows_a_resize_on_a_machine_that_lacks_something(boot: Boot, name: str) -> None:
    """Without the 8259 lines are polled; if no timer interrupts either, a line says what is missing."""
    machine, cpu, cpus, irq, missing = BARE_MACHINES[name]
    qemu = boot(MemDevice("vmem0"), type=machine, cpu=cpu, cpus=cpus, append=f"virtio_mem.irq={irq}")
    resize(qemu, "vmem0", 512 * MIB)
    assert "vmem0" in qemu.guest.command("status")
    if missing:
        qemu.guest.console.wait(f"timer: warning: no interrupt within 1000 ms, {missing}: polling")
    else:
        assert "timer: warning" not in qemu.guest.console.text
    resize(qemu, "vmem0", 0)


@pytest.mark.parametrize("acpi", ["on", "off"])
@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_follows_a_resize_where_the_8254_is_left_out(boot: Boot, machine: str, acpi: str) -> None:
    """QEMU 7.2 has one all the same; on a later one the clock is another."""
    qemu = boot(MemDevice("vmem0"), type=f"{machine},pit=off,acpi={acpi}")
    for size in (512 * MIB, 0):
        resize(qemu, "vmem0", size)


@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_input_is_polled_beside_a_job_that_always_has_work(boot: Boot, machine: str) -> None:
    qemu = boot(MemDevice("vmem0"), type=f"{machine},pic=off")
    qemu.guest.command("workload steady size=4M ticks=9 tick=0")
    assert "state=idle" in qemu.guest.command("workload stop")


def test_power_button_without_an_interrupt_controller(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"), type="q35,pic=off")
    qemu.qmp.execute_last("system_powerdown")
    assert qemu.wait_exit() == 0
    assert "tide: power button" in qemu.guest.console.wait_end()


def test_follows_a_resize_without_a_serial_port(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"), serial=False, ready=False)
    for size in (512 * MIB, 0):
        qemu.set_requested("vmem0", size)
        qemu.wait_size("vmem0", size)


def test_exit_gives_the_documented_status(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"))
    qemu.guest.send("exit")
    assert qemu.wait_exit() == 33


def test_exit_with_a_code(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"))
    qemu.guest.send("exit 7")
    assert qemu.wait_exit() == 129 + 2 * 7

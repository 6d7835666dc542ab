# SPDX-License-Identifier: BSD-2-Clause
"""The kernel's command line: what is understood, and what is said of the rest."""

import re

import pytest
from helpers import Boot, resize
from tide.machine import MemDevice
from tide.units import MIB

# command line -> a pattern that the log must have
COMPLAINTS = {
    "colour=blue": r"warning: unknown option 'colour'",
    "virtio_mem.slots=4": r"warning: unknown option 'virtio_mem\.slots'",
    "virtio_mem.slot=zz": r"error: virtio_mem\.slot=zz: expected .*device",
    "virtio_mem.slot=": r"error: virtio_mem\.slot=: expected",
    "virtio_mem.slot=20": r"error: virtio_mem\.slot=20: expected",
    "virtio_mem.slot=4.8": r"error: virtio_mem\.slot=4\.8: expected",
    "virtio_mem.irq=yes": r"error: virtio_mem\.irq=yes: expected auto, msix, intx or poll",
    "log=loud": r"error: log=loud: expected .*debug",
    "log=attic:debug": r"error: log=attic:debug: expected",
    "run": r"error: run=: expected monitor commands",
    "run=stats run=help": r"warning: run= stands there again: the last one counts",
    "virtio_mmio.device=4K@0x1000000:5": r"error: mmio 0x1000000: the device is not used .*RAM is there",
}


@pytest.mark.parametrize("append", COMPLAINTS)
def test_a_wrong_option_is_named_and_the_default_used(boot: Boot, append: str) -> None:
    qemu = boot(MemDevice("vmem0"), append=append)
    qemu.guest.console.wait(COMPLAINTS[append])
    resize(qemu, "vmem0", 64 * MIB)


def test_a_right_command_line_is_not_complained_about(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", addr="4"), type="pc",
                append="virtio_mem.slot=4 virtio_mem.irq=auto log=info log=vmem:debug")  # fmt: skip
    resize(qemu, "vmem0", 64 * MIB)
    text = qemu.guest.console.text
    assert "warning:" not in text and "error:" not in text


# log= -> what the log must have, what it must not have
LOGS = {
    "log=error": ("", "vmem0: region="),
    "log=vmem:error": ("", "vmem0: "),
    "log=info": ("vmem0: region=", "debug"),
    "log=pci:debug": (r"^pci\b.*", "nothing of this kind"),
}


@pytest.mark.parametrize("append", LOGS)
def test_log_levels(boot: Boot, append: str) -> None:
    present, absent = LOGS[append]
    qemu = boot(MemDevice("vmem0"), append=append)
    qemu.set_requested("vmem0", 64 * MIB)
    qemu.wait_size("vmem0", 64 * MIB)
    text = qemu.guest.console.text
    assert re.search(present, text, re.MULTILINE) and absent not in text


def test_run_is_a_script(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", requested=64 * MIB), ready=False,
                append='run="alloc 1M; fill; check; exit 3"')  # fmt: skip
    assert qemu.wait_exit() == 129 + 2 * 3
    text = qemu.guest.console.wait_end()
    assert "alloc: 0" in text and "check: ok" in text


# run= -> how QEMU ends, and what the log must have
SCRIPTS = {
    "wait; alloc 1M; fill; check; exit": (33, r"^check: ok: 0: "),
    "exti; exit": (43, r"^error: unknown command 'exti'"),
    "alloc lots; exit 3": (43, r"^error: alloc: 'lots': expected a size"),
    "exit 0 0; alloc 1M; exit": (43, r"^error: exit: '0' is too much"),
    "alloc 64T; fill; check; exit": (43, r"^error: alloc: 64T: not enough free memory$"),
    f"{'x' * 256}; exit": (43, r"^error: a line of 256 characters, expected at most 255: not run$"),
}


@pytest.mark.parametrize("script", SCRIPTS, ids=range(len(SCRIPTS)))
def test_a_script_ends_qemu_whether_it_fails_or_not(boot: Boot, script: str) -> None:
    """QEMU ends with a status that says that a command failed."""
    status, pattern = SCRIPTS[script]
    qemu = boot(MemDevice("vmem0", requested=64 * MIB), ready=False, append=f'run="{script}"')
    assert qemu.wait_exit() == status
    text = qemu.guest.console.wait_end()
    assert re.search(pattern, text, re.MULTILINE), text
    assert ("run: a command failed: the rest is not run, and Tide ends\n" in text) == (status == 43)


def test_a_script_without_exit_stops_at_its_error(boot: Boot) -> None:
    """Nobody asked for an end: the prompt is there for the user."""
    qemu = boot(MemDevice("vmem0"), append='run="alloc lots; alloc 1M"')
    qemu.guest.console.wait(r"^run: a command failed: the rest is not run$")
    assert qemu.guest.command("free") == "error: free: no such holding\n"


def test_a_long_command_line_is_cut_with_a_word(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"), append=" ".join(f"option{i}=value" for i in range(180)))
    qemu.guest.console.wait(r"(?i)command line.*(longer|cut|truncated)")
    resize(qemu, "vmem0", 64 * MIB)


def test_a_machine_without_pci_is_told_so(boot: Boot) -> None:
    qemu = boot(type="microvm,pcie=on")
    qemu.guest.console.wait(r"warning: no PCI bus was found, neither by ACPI's MCFG nor by I/O ports")


def test_a_feature_is_refused_by_the_name_that_is_printed(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"), append="virtio.features=-acpi_pxm log=vmem:debug,pci:error")
    features = qemu.guest.console.wait(r"^vmem0: features(.*)").group(1)
    assert "offered and not accepted ACPI_PXM" in features
    assert "cmdline: error" not in qemu.guest.console.text


def test_nothing_that_is_typed_ahead_is_lost(boot: Boot) -> None:
    """Far more than the kernel keeps: the rest waits on the host."""
    qemu = boot(MemDevice("vmem0", requested=512 * MIB))
    console = qemu.guest.console
    start = console.mark()
    names = [f"c{number:04}" for number in range(1000)]
    console.send("alloc 300M\nfill\n" + "".join(f"{name}\n" for name in names))
    console.wait(f"unknown command '{names[-1]}'", start)
    assert re.findall(r"unknown command '([^']*)'", console.text[start:]) == names


def test_a_line_that_is_too_long_is_refused(boot: Boot) -> None:
    """Nothing of it runs, and a script ends there."""
    qemu = boot(MemDevice("vmem0"), append=f'run="alloc 1M; alloc 4096{" " * 301}; alloc 2M"')
    console = qemu.guest.console
    console.wait(r"error: a line of 311 characters, expected at most 255: not run")
    console.wait(r"^run: a command failed: the rest is not run$")
    start = console.mark()
    console.send("alloc" + " " * 247 + "10000\n")
    console.wait(r"error: a line of 257 characters, expected at most 255: not run", start)
    console.send("alloc" + " " * 246 + "4096\n")
    console.wait(r"alloc: 1: ", start)


def test_a_command_line_for_which_the_loader_has_no_room(boot: Boot) -> None:
    """QEMU's PVH loader writes it over the start info that it made before."""
    qemu = boot(MemDevice("vmem0"), append="log=info " * 600, ready=False)
    assert qemu.wait_exit() == 41
    text = qemu.guest.console.wait_end()
    assert re.search(r"error: the command line is written over .*expected at most 4096 bytes", text)


# monitor line -> a pattern of its answer
ANSWERS = {
    "": r"^$",
    "frobnicate": r"error: unknown command 'frobnicate'",
    "alloc": r"error: alloc: expected 'alloc SIZE \[COUNT\] \[node=N\]'",
    "alloc lots": r"error: alloc: 'lots': expected a size",
    "alloc 64T": r"error: alloc: 64T: not enough free memory",
    "alloc 99999999999999999999": r"error: alloc: '9+': expected a size below 2\^64 bytes",
    "fill 0 99999999999999999999": r"error: fill: '9+': expected a size below 2\^64 bytes",
    "vm alloc 99999999999999999999": r"error: vm alloc: '9+': expected a size below 2\^64 bytes",
    "alloc 4K 4097": r"error: alloc: '4097': expected a count from 1 to 4096",
    "bench hot 99 1": r"error: bench hot: '99': expected an order from 0 to 9",
    "bench hot 0 x": r"error: bench hot: 'x': expected a number of pairs",
    "bench hot 0": r"error: bench hot: expected 'bench hot ORDER COUNT \[CPUS\]'",
    "bench churn stop": r"error: bench churn stop: no churn runs",
    "bench churn often": r"error: bench churn: 'often': expected a limit",
    "bench checkerboard stop": r"error: bench checkerboard stop: no checkerboard is held",
    "bench checkerboard 0": r"error: bench checkerboard: '0': expected a limit",
    "bench": r"error: bench: '': expected hot, bulk, random, churn",
    "vm touch stop now": r"error: vm touch stop: 'now' is too much: expected 'vm touch stop'",
    "exit 0 0": r"error: exit: '0' is too much: expected 'exit \[CODE\]'",
    "status vmem0": r"error: status: 'vmem0' is too much: expected 'status'",
    "stats all": r"error: stats: 'all': expected check",
    "free 12": r"error: free: no such holding",
    "check x": r"error: check: 'x': expected",
    "map vmem9": r"error: map: 'vmem9': expected",
    "exit 64": r"error: exit: '64': expected a number from 0 to 63",
    "help": r"exit .*end QEMU",
}


@pytest.mark.parametrize("line", ANSWERS)
def test_monitor_answers(boot: Boot, line: str) -> None:
    qemu = boot(MemDevice("vmem0"))
    assert re.search(ANSWERS[line], qemu.guest.command(line), re.MULTILINE)

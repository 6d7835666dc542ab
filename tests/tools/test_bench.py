# SPDX-License-Identifier: BSD-2-Clause
"""The rows of `make bench` that Linux has, too: a short one of each kind, in the real QEMU."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
from conftest import BUILD, TREE
from tide import reclaim
from tide.bench_exits import Exits
from tide.bench_guest import BenchGuest, LinuxGuest, TideGuest, quiet
from tide.bench_resize import Resizes
from tide.exits import KINDS
from tide.linux import LinuxFiles
from tide.qemu import Qemu
from tide.units import MIB

SIZE = 256 * MIB
PLUGIN = BUILD / "plugin/insn_count.so"


@pytest.fixture
def guests(tool: Callable[..., Any]) -> dict[str, BenchGuest]:
    """Both, the Linux guest built if it is not."""
    built = tool("linux-guest")
    if built.returncode != 0 and "download" in built.stderr:
        pytest.skip(f"the distribution's packages cannot be had: {built.stderr.strip()}")
    assert built.returncode == 0, built.stderr
    return {"tide": TideGuest(BUILD / "tide.elf"), "linux": LinuxGuest(LinuxFiles(BUILD / "linux"))}


def test_instructions_of_both(guests: dict[str, BenchGuest], tmp_path: Path) -> None:
    """A resize, pairs of allocations and every second pageblock held: the same code, two columns."""
    counts: dict[str, list[float]] = {}
    for name, guest in guests.items():
        resizes = Resizes(guest, PLUGIN, tmp_path / name)
        with Qemu(resizes.counted(guest.machine(SIZE, movable=False)), resizes.folder) as qemu:
            guest.wait_ready(qemu)
            counts[name] = [resizes.instructions(qemu, SIZE)]
            before = resizes.insn_count.instructions()
            guest.do_pairs(qemu, "hot", 0, 1000, 1)
            counts[name].append(resizes.insn_count.instructions() - before)
            guest.hold_every_second(qemu, SIZE)
            quiet(qemu, SIZE)
            counts[name].append(resizes.instructions(qemu, SIZE * 3 // 4))
            assert qemu.size("vmem0") == SIZE * 3 // 4
    assert counts["linux"][0] > 100 * counts["tide"][0] > 0
    assert all(linux > tide > 0 for tide, linux in zip(counts["tide"], counts["linux"]))


def test_accesses_of_both(guests: dict[str, BenchGuest], tmp_path: Path) -> None:
    for name, guest in guests.items():
        exits = Exits(guest, tmp_path / name)
        with Qemu(exits.traced(SIZE), exits.folder) as qemu:
            guest.wait_ready(qemu)
            quiet(qemu, 0)
            counts = exits.resize(qemu, SIZE)
            assert qemu.trace().count("plug", "ack") == (1 if name == "tide" else SIZE // (128 * MIB))
        assert counts["virtio"] >= 4 and counts["interrupt controller"] >= 1 and counts["interrupts"] >= 1
        assert counts["other"] == 0, f"a kind that is not in {KINDS}"
        assert (counts["serial"] > 0) == (name == "tide"), "the settled line"


def test_a_workload_of_both(guests: dict[str, BenchGuest], tmp_path: Path) -> None:
    """The measurement begins when the workload has freed what it should."""
    for name, guest in guests.items():
        with Qemu(guest.machine(SIZE), tmp_path / name) as qemu:
            guest.wait_ready(qemu)
            guest.resize(qemu, SIZE)
            line = reclaim.hold(qemu.guest, SIZE, MIB, 40, 100)
            assert line["held"] == line["target"] > 0 and line["frees"] > 0
            assert reclaim.release(qemu.guest)["frees"] == line["allocs"]


def test_the_ledger(guests: dict[str, BenchGuest], tmp_path: Path) -> None:
    """tools/ledger on a copy of the tree's page: both guests' tables are new, and add up."""
    tree = tmp_path / "tree"
    shutil.copytree(TREE / "tools", tree / "tools")
    (tree / "docs").mkdir()
    page = tree / "docs/performance.md"
    marks = "<!-- make ledger: {} -->\nold\n<!-- end -->\n"
    page.write_text(marks.format("INTx") + marks.format("MSI-X"))
    done = subprocess.run([sys.executable, tree / "tools/ledger", str(BUILD)], capture_output=True, text=True,
                          env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert text.count("old") == 1, "QEMU has one way of the two"
    assert text.count("| write virtio-mem | notify |") >= 1 and "| **interrupt** |" in text
    for guest in ("Tide", "Linux"):
        assert f"| {guest}" in text

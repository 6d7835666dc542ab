# SPDX-License-Identifier: BSD-2-Clause
"""An experiment through libvirt: `tools/experiment run --via libvirt`."""

import json
import subprocess
import sys
from pathlib import Path

from tide_experiment import results

TREE = Path(__file__).resolve().parent.parent.parent
MIB = 1 << 20
SCENARIO = """\
title = "By libvirt"
[[device]]
size = "512M"
[[device]]
size = "1G"
block = "4M"
[workload]
kind = "steady"
size = "64M"
[[step]]
requested = { vmem0 = "256M", vmem1 = "512M" }
[[step]]
workload = "start"
[[step]]
workload = "wait"
[[step]]
requested = { vmem1 = "1G" }
[[step]]
workload = "stop"
[[step]]
requested = "0"
"""


def test_experiment_via_libvirt(folder: Path) -> None:
    """The same columns and files as by QMP, and every step settles."""
    (folder / "try.toml").write_text(SCENARIO)
    command = [sys.executable, TREE / "tools/experiment", "run", "--via", "libvirt", "--no-plot",
               "--out", folder / "out", "--image", folder.parents[1] / "tide.elf", folder / "try.toml"]  # fmt: skip
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = results.read_experiment(folder / "out" / "try" / "latest").runs
    assert run.meta["status"] == "complete" and run.meta["missing"] == [] and run.meta["via"] == "libvirt"
    assert all(row["settled"] for row in run.steps)
    grown = {row["device"]: (row["size_after"], row["plug"], row["ack"]) for row in run.steps if row["step"] == 0}
    assert grown["vmem0"][:2] == (256 * MIB, 1) and grown["vmem1"][:2] == (512 * MIB, 1)
    assert run.steps[4]["guest_used_after"] + run.steps[5]["guest_used_after"] == 64 * MIB
    assert "virtio-mem-pci" in (run.folder / "qemu.cmd").read_text()
    assert json.loads((run.folder / "meta.json").read_text())["host"]

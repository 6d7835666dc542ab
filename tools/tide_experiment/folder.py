# SPDX-License-Identifier: BSD-2-Clause
"""The layout of run folders, and what they say of themselves.

    EXPERIMENT/            one start of `tools/experiment run`
      scenario.toml        as it was
      meta.json            how it went, which runs there are
      steps.csv            every run's steps, one table
      report.html          the pictures and the table
      *.svg, *.pdf, *.pgf  the pictures, with captions.txt
      runs/RUN/            one start of QEMU
        qemu.cmd           the exact command
        qemu.log           what QEMU printed
        serial.log         what the guest printed
        trace.log          QEMU's own trace of the virtio-mem requests
        series.csv         samples over time
        steps.csv          a row for each step and device
        meta.json          guest, seed, versions, host, and how the run ended

A meta.json is written at the start of a run with the status "running", and
again at its end: a run that was killed still says what is missing.
"""

import csv
import hashlib
import json
import os
import platform
import re
import subprocess
import time
from pathlib import Path
from typing import Any, Iterable

RUN_FILES = ("qemu.cmd", "qemu.log", "serial.log", "trace.log", "series.csv", "steps.csv")
STATUSES = ("complete", "failed", "crashed", "interrupted", "running")
TREE = Path(__file__).resolve().parents[2]


def build_folder() -> Path:
    """Where things that are built go: the environment's O, else build/ of the tree."""
    return Path(os.environ.get("O") or TREE / "build").resolve()


def new_experiment(root: Path, name: str) -> Path:
    """A new folder ROOT/NAME/DATE-TIME, which ROOT/NAME/latest leads to from now on."""
    stamp = time.strftime("%Y-%m-%dT%H-%M-%S")
    folder = root / name / stamp
    number = 1
    while folder.exists():
        number += 1
        folder = root / name / f"{stamp}-{number}"
    (folder / "runs").mkdir(parents=True)
    latest = root / name / "latest"
    latest.unlink(missing_ok=True)
    latest.symlink_to(folder.name)
    return folder


def write_json(path: Path, value: Any) -> None:
    """Write whole or not at all."""
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(value, indent=2) + "\n")
    temporary.replace(path)


def read_meta(folder: Path) -> dict[str, Any]:
    """A folder's meta.json, as it stands now: what still says "running" was cut off if its process is gone."""
    try:
        meta = json.loads((folder / "meta.json").read_text())
    except (OSError, ValueError):
        return {"status": "interrupted", "reason": "meta.json is missing or cut off", "missing": ["meta.json"]}
    if meta.get("status") == "running" and not _alive(meta.get("pid", 0)):
        meta["status"] = "interrupted"
        meta["reason"] = "the program ended without a word"
        meta["missing"] = missing_files(folder)
    return meta


def missing_files(folder: Path) -> list[str]:
    """Which files a run should have and does not, or has empty."""
    may_be_empty = ("qemu.log", "trace.log")
    return [
        name for name in RUN_FILES
        if not (folder / name).exists() or (name not in may_be_empty and not (folder / name).stat().st_size)
    ]  # fmt: skip


def _alive(pid: int) -> bool:
    return pid > 0 and Path(f"/proc/{pid}").exists()


def read_csv(path: Path) -> list[dict[str, str]]:
    """The whole rows of a CSV file; a last row that was cut off is left out."""
    if not path.exists():
        return []
    text = path.read_text(errors="replace")
    whole = text[: text.rfind("\n") + 1]
    rows = list(csv.DictReader(whole.splitlines()))
    return [row for row in rows if None not in row and None not in row.values()]


class CsvFile:
    """A CSV file of which each row is on the disk once it was added."""

    def __init__(self, path: Path, columns: Iterable[str]):
        self._file = open(path, "w", newline="", buffering=1)
        self._writer = csv.DictWriter(self._file, list(columns), restval="", lineterminator="\n")
        self._writer.writeheader()

    def add(self, row: dict[str, Any]) -> None:
        self._writer.writerow({key: "" if value is None else value for key, value in row.items()})
        self._file.flush()

    def close(self) -> None:
        self._file.close()


# ---- versions and host ----


def host_facts() -> dict[str, Any]:
    """The machine that this ran on."""
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "processor": cpu[1] if cpu else platform.machine(),
        "processors": os.cpu_count(),
        "memory_bytes": int(memory[1]) * 1024 if memory else None,
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
    }


def tree_version() -> str | None:
    """The commit of this tree, with -dirty where files differ from it; None outside of Git."""
    try:
        command = ["git", "-C", str(TREE), "describe", "--always", "--dirty", "--tags"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def fingerprint(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()

# SPDX-License-Identifier: BSD-2-Clause
"""The suites that pytest runs, and how: for tools/test, which counts, and tools/stress, which compares runs.

A suite's JUnit file tells what became of each test. A test's folder, which its conftest names as the
property `folder`, holds what is needed to find out why it failed.
"""

import importlib.util
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from .qemu import die_with_parent

TREE = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Suite:
    paths: tuple[str, ...]  # none: those of pytest.ini
    parallel: bool = False
    command: tuple[str, ...] = ()  # pytest is run by way of it


SUITES = {
    "qemu": Suite((), parallel=True),
    "tools": Suite(("tests/tools",)),
    "course": Suite(("tests/course",), parallel=True),
    # One after the other: huge pages are the whole machine's.
    "libvirt": Suite(("tests/libvirt",), command=(str(TREE / "tests/libvirt/run"),)),
}


@dataclass(frozen=True)
class Outcome:
    """What became of one test."""

    test: str
    word: str  # passed, failed or skipped
    folder: Path | None = None


def run_suite(suite: Suite, build: Path, report: Path, arguments: list[str]) -> int:
    """Run pytest on a suite, with its JUnit file at `report`; pytest's own status."""
    report.unlink(missing_ok=True)
    workers: list[str] = []
    chosen = any(argument.startswith("-n") for argument in arguments)
    if suite.parallel and not chosen and importlib.util.find_spec("xdist"):
        # The tests mostly wait: a few more than there are processors keep these busy.
        workers = ["-n", str((os.cpu_count() or 1) + 1)]
    command = [*suite.command, sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *workers,
               *suite.paths, *arguments]  # fmt: skip
    environment = os.environ | {"TIDE_BUILD": str(build), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=TREE, env=environment,
                          preexec_fn=lambda: die_with_parent(signal.SIGTERM)).returncode  # fmt: skip


def outcomes(report: Path) -> Iterator[Outcome]:
    """Each test in a JUnit file. One that passed and failed while it was taken down is there once, failed."""
    if not report.exists():
        return
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        failed = case.find("failure") is not None or case.find("error") is not None
        word = "failed" if failed else "skipped" if case.find("skipped") is not None else "passed"
        folder = case.find("properties/property[@name='folder']")
        place = Path(folder.get("value", "")) if folder is not None else None
        name = "::".join(part for part in (case.get("classname"), case.get("name")) if part)
        yield Outcome(name, word, place)

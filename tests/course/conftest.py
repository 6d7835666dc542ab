# SPDX-License-Identifier: BSD-2-Clause
"""What the course's tests share: trees, made as a student gets them, on objects that are built already."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

TREE = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("TIDE_BUILD", TREE / "build")).resolve()
BASE = BUILD / "course/base"  # all that labs share, built by `make course-base`
GRADE_SECONDS = 3600  # only a hang meets it


PASSED = pytest.StashKey[bool]()
Course = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass
class Grade:
    """What `make grade` gives for one tree."""

    points: int
    failed: set[str]
    results: dict[str, Any]
    output: str


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Note for the fixtures whether the test has passed."""
    outcome = yield
    if call.when == "call":
        item.stash[PASSED] = outcome.get_result().passed


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """The folder of this test, which is not there yet. It stays only if the test fails."""
    path = BUILD / "course" / re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    request.node.user_properties.append(("folder", str(path)))
    yield path
    if request.node.stash.get(PASSED, False):
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def course() -> Course:
    """course("list") runs tools/course to its end."""

    def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, str(TREE / "tools/course"), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=GRADE_SECONDS)

    return run


def link_or_copy(source: str, target: str) -> None:
    """Objects are shared, as a compiler writes a new file in the place of an old one; the rest is copied."""
    if source.endswith((".o", ".a")):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


@pytest.fixture
def grade() -> Callable[[Path], Grade]:
    """grade(FOLDER) builds a student's tree, on the objects that it shares with all, and grades it."""

    def run(folder: Path, *arguments: str) -> Grade:
        shutil.copytree(BASE / "build", folder / "build", copy_function=link_or_copy)
        command = [sys.executable, "tools/grade", "--json", "build/results.json", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=GRADE_SECONDS)
        results = json.loads((folder / "build/results.json").read_text())
        failed = {test["name"] for test in results["tests"] if test["status"] == "failed"}
        return Grade(results["score"], failed, results, done.stdout + done.stderr)

    return run

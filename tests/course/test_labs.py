# SPDX-License-Identifier: BSD-2-Clause
"""Every lab, as a student gets it: the skeleton is worth nothing, the solution all, a wrong answer what it deserves."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Callable

import pytest
from conftest import TREE, Course, Grade
from tide_course.answers import SOLUTION, read_wrong
from tide_course.lab import lab_folders, read_lab
from tide_course.source import emptied

LABS = {folder.name: (read_lab(folder), read_wrong(folder, read_lab(folder))) for folder in lab_folders(TREE)}
WRONG = {f"{lab}-{answer.name}": (lab, answer) for lab, (_, answers) in LABS.items() for answer in answers}
# A checkpoint that does not need all functions, and its lab.
STAGES = [(name, number) for name, (lab, _) in LABS.items() for number in (1, 2)
          if any(checkpoint.functions for checkpoint in lab.checkpoints[number:])]  # fmt: skip


@pytest.mark.parametrize("lab", LABS)
def test_skeleton_scores_nothing_and_says_what_is_missing(lab: str, folder: Path, course: Course, grade: Callable[..., Grade]) -> None:
    made = course("new", lab, folder)
    assert made.returncode == 0, made.stderr
    graded = grade(folder)
    own = LABS[lab][0]
    assert graded.points == 0, graded.output
    named = [name for write in own.writes for name in write.functions if f" {name}() of" in graded.output]
    assert named, graded.output
    boot_says_what_is_missing(folder, [name for write in own.writes for name in write.functions])
    text_names_what_is_there(lab, folder)


def boot_says_what_is_missing(folder: Path, functions: list[str]) -> None:
    """`make run` ends with the name of a function that is not there."""
    command = [sys.executable, "tools/run", "build/tide.elf"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, env=os.environ | {"ACCEL": "tcg"})
    found = re.search(r"panic: lab: (\w+)\(\) of \S+ is yours to write", done.stderr)
    assert done.returncode == 1 and found, done.stdout + done.stderr
    assert found.group(1) in functions


def text_names_what_is_there(lab: str, folder: Path) -> None:
    """Each test, file and link of the lab's text, and each function that it says to break at, is in a student's tree."""
    page = folder / "course/labs" / lab / "README.md"
    text = page.read_text()
    tests = {test.name: test for test in LABS[lab][0].tests}
    for name in re.findall(r"`make debug ONLY=(\S+?)`", text):
        assert name in tests and tests[name].program, f"make debug ONLY={name}"
    for name in re.findall(r'^- "([\w-]+)" ', text, re.MULTILINE):
        assert name in tests, name
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (page.parent / link).exists(), link
    for name in re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.(?:c|h|S|ld|py|md))`", text):
        assert (folder / name).exists(), name
    functions = re.findall(r"`break (\w+)`", text)
    sources = "".join(path.read_text() for path in folder.rglob("*.[ch]")) if functions else ""
    for name in functions:
        assert re.search(rf"\b{name}\(", sources), name


def test_a_students_tree_has_its_tools(folder: Path, course: Course) -> None:
    """What `make` runs is there, and what gdb reads; nothing else is offered, and nothing that installs more."""
    made = course("new", next(iter(LABS)), folder)
    assert made.returncode == 0, made.stderr
    makefiles = "".join(path.read_text() for path in (folder / "Makefile", *folder.glob("tests/*/*.mk")))
    named = set(re.findall(r"\$\((?:TOOL|PYTHON)\) (tools/\S+)", makefiles))
    assert {"tools/shell", "tools/gdb", "tools/grade"} <= named
    assert set(re.findall(r"tools/setup (.*)", makefiles)) == {"run", "gdb", "course"}
    for name in (*named, "tools/tide_gdb/commands.py"):
        assert (folder / name).exists(), name


@pytest.mark.parametrize("lab", LABS)
def test_solution_scores_all(lab: str, folder: Path, course: Course, grade: Callable[..., Grade]) -> None:
    made = course("new", lab, folder, "--answer", SOLUTION)
    assert made.returncode == 0, made.stderr
    graded = grade(folder)
    assert graded.points == LABS[lab][0].points, graded.output


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answer_gets_what_it_deserves(name: str, folder: Path, course: Course, grade: Callable[..., Grade]) -> None:
    lab, answer = WRONG[name]
    made = course("new", lab, folder, "--answer", answer.name)
    assert made.returncode == 0, made.stderr
    graded = grade(folder)
    assert graded.failed == set(answer.fails), graded.output
    assert graded.points == answer.points(LABS[lab][0])


@pytest.mark.parametrize("lab", LABS)
def test_has_what_a_lab_has(lab: str) -> None:
    """Three checkpoints, four wrong answers or more, and 50 to 150 lines of a student's."""
    own, wrong = LABS[lab]
    assert len(own.checkpoints) == 3
    assert own.points == 100
    assert len(wrong) >= 4
    text = (TREE / "course/labs" / lab / "README.md").read_text()
    for head in ("Read first", "What must come out", "When it does not", "Checkpoints", "A question", "One thing beyond"):
        assert f"\n## {head}\n" in text, f"README.md has no '## {head}'"
    told = re.findall(r"(\d+) points\.$", text.partition("\n## Checkpoints\n")[2].partition("\n## ")[0], re.MULTILINE)
    points = [sum(test.points for test in own.tests if test.checkpoint == number) for number in (1, 2, 3)]
    assert [int(number) for number in told] == points


@pytest.mark.parametrize("lab, number", STAGES, ids=[f"{lab}-{number}" for lab, number in STAGES])
def test_a_checkpoint_needs_no_later_function(lab: str, number: int, folder: Path, course: Course, grade: Callable[..., Grade]) -> None:
    """What a student has written by then is enough: the functions of later checkpoints may be missing."""
    own = LABS[lab][0]
    made = course("new", lab, folder, "--answer", SOLUTION)
    assert made.returncode == 0, made.stderr
    later = {name for checkpoint in own.checkpoints[number:] for name in checkpoint.functions}
    for write in own.writes:
        text = (folder / write.file).read_text()
        for name in later & set(write.functions):
            text = emptied(text, name)
        (folder / write.file).write_text(text)
    graded = grade(folder, "--checkpoint", str(number))
    assert not graded.failed, graded.output

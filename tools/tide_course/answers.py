# SPDX-License-Identifier: BSD-2-Clause
"""Answers to a lab, for the lecturer: the solution, which is Tide's own source, and typical wrong ones.

A wrong answer is the solution with a few changes, and the list of the tests that it fails: wrong.toml.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from .lab import Lab, LabError
from .source import with_body

SKELETON = "skeleton"
SOLUTION = "solution"


@dataclass(frozen=True)
class Change:
    """One place that is otherwise: a piece of text that stands there once, or a function's body."""

    file: str
    becomes: str
    text: str = ""
    function: str = ""

    def applied(self, text: str) -> str:
        if self.function:
            return with_body(text, self.function, self.becomes)
        if text.count(self.text) != 1:
            raise LabError(f"{self.file}: '{self.text}' stands there {text.count(self.text)} times, expected once")
        return text.replace(self.text, self.becomes)


@dataclass(frozen=True)
class Wrong:
    name: str
    says: str  # what is wrong with it
    fails: tuple[str, ...]
    changes: tuple[Change, ...]

    def points(self, lab: Lab) -> int:
        return lab.points - sum(test.points for test in lab.tests if test.name in self.fails)


def read_wrong(folder: Path, lab: Lab) -> list[Wrong]:
    """The wrong answers of a lab's folder."""
    path = folder / "wrong.toml"
    names = {test.name for test in lab.tests}
    answers = []
    for entry in tomllib.loads(path.read_text())["wrong"]:
        try:
            changes = tuple(Change(**change) for change in entry["change"])
            answer = Wrong(entry["name"], entry["says"], tuple(entry["fails"]), changes)
        except (KeyError, TypeError) as error:
            raise LabError(f"{path}: {entry.get('name', 'an answer without a name')}: {error}") from error
        if not set(answer.fails) <= names or not answer.fails:
            raise LabError(f"{path}: {answer.name}: fails {', '.join(answer.fails)}, expected tests of the lab")
        written = {write.file for write in lab.writes}
        if not {change.file for change in changes} <= written:
            raise LabError(f"{path}: {answer.name}: changes a file that the student does not write")
        answers.append(answer)
    return answers


def apply(answer: Wrong, folder: Path) -> None:
    """Put a wrong answer into a tree that has the solution."""
    for change in answer.changes:
        path = folder / change.file
        path.write_text(change.applied(path.read_text()))

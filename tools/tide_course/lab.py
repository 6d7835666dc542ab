# SPDX-License-Identifier: BSD-2-Clause
"""A lab as its lab.toml has it: what is to be written, and the tests with their points.

The file is read by the lecturer's tools and by the student's grader. Whatever is wrong in it is a
LabError that names the file and the value.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LABS = Path("course/labs")
CPU_SECONDS = 60  # of one test, unless it says more


class LabError(ValueError):
    """A lab that cannot be used."""


@dataclass(frozen=True)
class Write:
    """Functions of one file that the student writes."""

    file: str
    functions: tuple[str, ...]


@dataclass(frozen=True)
class Test:
    """A point of the grade: a case of a host program, or a test of the image that pytest runs."""

    name: str
    points: int
    hint: str
    checkpoint: int
    program: str = ""  # below the build folder: unit/virtio_mem/test_lab_planner
    case: str = ""  # of the program
    pytest: str = ""  # tests/qemu/test_lab_planner.py::test_one_request
    seeded: bool = False  # run once with each seed
    figures: bool = False  # its lines "figure: NAME VALUE" go to the leaderboard; run with the first seed
    builds: tuple[str, ...] = ()  # what else it needs, below the build folder
    cpu_seconds: int = CPU_SECONDS


@dataclass(frozen=True)
class Checkpoint:
    title: str
    functions: tuple[str, ...]  # that it needs beside those of the checkpoints before; none: it is not said


@dataclass(frozen=True)
class Lab:
    name: str  # of its folder: 07-planner
    title: str
    writes: tuple[Write, ...]
    checkpoints: tuple[Checkpoint, ...]
    tests: tuple[Test, ...]

    @property
    def number(self) -> int:
        return int(self.name.split("-")[0])

    @property
    def points(self) -> int:
        return sum(test.points for test in self.tests)


def _take(table: dict[str, Any], where: str, **kinds: type) -> dict[str, Any]:
    """The values of a table, each of its kind; what is missing, unknown or of another kind is an error."""
    unknown = set(table) - set(kinds)
    if unknown:
        raise LabError(f"{where}: '{min(unknown)}' is not one of {', '.join(kinds)}")
    for name, value in table.items():
        if not isinstance(value, kinds[name]):
            raise LabError(f"{where}: {name} is {value!r}, expected {kinds[name].__name__}")
    return table


def _read_test(data: Any, where: str, checkpoint: int) -> Test:
    values = _take(data, where, name=str, points=int, hint=str, program=str, case=str, pytest=str,
                   seeded=bool, figures=bool, builds=list, cpu_seconds=int)  # fmt: skip
    missing = {"name", "points", "hint"} - set(values)
    if missing:
        raise LabError(f"{where}: {min(missing)} is missing")
    test = Test(checkpoint=checkpoint, **values | {"builds": tuple(values.get("builds", ()))})
    if bool(test.program) != bool(test.case) or bool(test.program) == bool(test.pytest):
        raise LabError(f"{where}: {test.name}: expected a program with a case, or pytest")
    return test


def read_lab(folder: Path) -> Lab:
    """The lab of a folder of course/labs."""
    path = folder / "lab.toml"
    try:
        data = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise LabError(f"{path}: {error}") from error
    _take(data, str(path), title=str, write=list, checkpoint=list)
    writes = tuple(
        Write(part["file"], tuple(part["functions"]))
        for part in (_take(part, str(path), file=str, functions=list) for part in data["write"])
    )
    checkpoints: list[Checkpoint] = []
    tests: list[Test] = []
    for number, checkpoint in enumerate(data["checkpoint"], 1):
        _take(checkpoint, str(path), title=str, functions=list, test=list)
        checkpoints.append(Checkpoint(checkpoint["title"], tuple(checkpoint.get("functions", ()))))
        tests += [_read_test(test, str(path), number) for test in checkpoint["test"]]
    names = [test.name for test in tests]
    if len(set(names)) != len(names):
        raise LabError(f"{path}: two tests have one name")
    unknown = {name for point in checkpoints for name in point.functions} - {n for part in writes for n in part.functions}
    if unknown:
        raise LabError(f"{path}: a checkpoint needs {min(unknown)}(), which the student does not write")
    return Lab(folder.name, data["title"], writes, tuple(checkpoints), tuple(tests))


def lab_folders(tree: Path) -> list[Path]:
    """The labs that a tree has, in their order."""
    return sorted(path.parent for path in (tree / LABS).glob("*/lab.toml"))


def find_lab(tree: Path, name: str) -> Path:
    """The folder of a lab by its name or number: 7, 07, 07-planner or planner."""
    folders = lab_folders(tree)
    for folder in folders:
        number, _, word = folder.name.partition("-")
        if name in (folder.name, number, str(int(number)), word):
            return folder
    raise LabError(f"there is no lab '{name}', expected one of {', '.join(f.name for f in folders)}")

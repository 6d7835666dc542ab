# SPDX-License-Identifier: BSD-2-Clause
"""Grading a tree: build what the tests need, run each test by itself, say what it is worth.

A test that did not run, for whatever reason, is worth nothing; so is one whose program does not compile.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, NoReturn

from . import failure, sandbox
from .lab import Lab, Test

DEFAULT_SEEDS = (1, 2, 3)
BUILD_SECONDS = 3600
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "USER", "QEMU", "CC", "HOST_CC", "MAKEFLAGS")
# In gdb a failed assertion and a sanitizer's report end the program where they stand.
DEBUG_OPTIONS = {
    "CMOCKA_TEST_ABORT": "1",
    "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",  # the search for leaks does not work under gdb
    "UBSAN_OPTIONS": "abort_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:abort_on_error=1",
}
_FIGURE = re.compile(r"^figure: (\S+) ([\d.]+)$", re.MULTILINE)


@dataclass(frozen=True)
class Graded:
    """What became of one test."""

    test: Test
    passed: bool
    said: str = ""  # one line on why it failed
    output: str = ""
    seed: int | None = None  # of the run that failed, or of the last one
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def points(self) -> int:
        return self.test.points if self.passed else 0


def read_seeds(path: Path) -> tuple[int, ...]:
    """A number on each line; `#` begins a comment."""
    lines = [line.partition("#")[0].strip() for line in path.read_text().splitlines()]
    words = [line for line in lines if line]
    if not words or not all(word.isdigit() for word in words):
        raise ValueError(f"{path}: expected a number on each line")
    return tuple(map(int, words))


class Grader:
    """Grades one lab in one tree."""

    def __init__(self, tree: Path, lab: Lab, seeds: tuple[int, ...] = DEFAULT_SEEDS):
        self.tree = tree
        self.lab = lab
        self.seeds = seeds
        self.build = tree / "build"
        self.logs = self.build / "grade"
        self.no_network = sandbox.can_cut_network()
        self.build_output = ""

    def _programs(self, tests: list[Test]) -> list[Path]:
        programs = [self.build / name for test in tests for name in (test.program, *test.builds) if name]
        images = [self.build / "tide.elf"] if any(test.pytest for test in tests) else []
        return list(dict.fromkeys([*images, *programs]))

    def make(self, tests: list[Test]) -> None:
        """Build what these tests run. What cannot be built is not there afterwards."""
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir(parents=True)
        programs = self._programs(tests)
        for program in programs:
            program.unlink(missing_ok=True)
        targets = [str(program.relative_to(self.tree)) for program in programs]
        command = ["make", "-s", "-k", "--no-print-directory", f"-j{os.cpu_count() or 1}", "O=build", *targets]
        done = subprocess.run(command, cwd=self.tree, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=BUILD_SECONDS)  # fmt: skip
        self.build_output = done.stdout + done.stderr
        (self.logs / "build.log").write_text(self.build_output)

    def complaints(self) -> list[str]:
        """What the compiler said of the files that are yours."""
        return failure.complaints(self.build_output, {write.file for write in self.lab.writes})

    def is_built(self, test: Test) -> bool:
        return all(program.exists() for program in self._programs([test]))

    def _environment(self, seed: int | None) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        kept |= {"TIDE_BUILD": str(self.build), "O": str(self.build), "ACCEL": "tcg", "PYTHONDONTWRITEBYTECODE": "1"}
        kept |= {"ASAN_OPTIONS": "detect_leaks=1", "TSAN_OPTIONS": "halt_on_error=1"}
        kept |= {"FAKE_HOST_SEED": "1"}  # where the tests' fake host puts memory
        return kept if seed is None else kept | {"TIDE_WALK_SEED": str(seed)}

    def _run(self, test: Test, seed: int | None) -> tuple[bool, str, str]:
        """Whether it passed, one line of why not, and the output."""
        missing = [program for program in self._programs([test]) if not program.exists()]
        if missing:
            error = failure.why_not_built(self.build_output)
            return False, error or f"{missing[0].name} was not built: see {self.logs}/build.log", ""
        command = [str(self.build / test.program), test.case]
        if test.pytest:
            command = [sys.executable, "-m", "pytest", "-q", "-s", "--tb=short", test.pytest]
        log = self.logs / f"{test.name}{'' if seed is None else f'-seed-{seed}'}.log"
        os.chdir(self.tree)
        ended = sandbox.run(command, log, self._environment(seed), test.cpu_seconds, self.no_network)
        ran = test.pytest or f"[       OK ] {test.case}\n" in ended.output
        if ended.status == 0 and ran and not ended.reason:
            return True, "", ended.output
        return False, ended.reason or failure.why(ended.output, ended.status, self.tree), ended.output

    def grade(self, test: Test) -> Graded:
        """Run one test; a seeded one once with each seed, until one fails."""
        said = output = ""
        seed = None
        for seed in self.seeds if test.seeded else self.seeds[:1] if test.figures else (None,):
            passed, said, output = self._run(test, seed)
            if not passed:
                return Graded(test, False, said, output, seed)
        figures = dict(_FIGURE.findall(output)) if test.figures else {}
        return Graded(test, True, "", output, seed, {name: float(value) for name, value in figures.items()})

    def debug(self, result: Graded) -> NoReturn:
        """The test in gdb, which stops where an assertion or a sanitizer does; in the place of this process."""
        environment = self._environment(result.seed) | DEBUG_OPTIONS
        environment |= {name: os.environ[name] for name in ("TERM", "COLUMNS") if name in os.environ}
        os.chdir(self.tree)
        command = ["gdb", "-q", "-iex", "set debuginfod enabled off", "-ex", "set confirm off",
                   "-ex", "source tools/tide_course/gdb_stop.py", "-ex", "run",
                   "--args", str(self.build / result.test.program), result.test.case]  # fmt: skip
        os.execvpe("gdb", command, environment)

    def grade_all(self, tests: list[Test], show: Callable[[Graded], None]) -> list[Graded]:
        """Run these tests, which make() has built, one after the other; `show` is called after each."""
        results = []
        for test in tests:
            results.append(self.grade(test))
            show(results[-1])
        return results


def points_of(results: list[Graded]) -> int:
    return sum(result.points for result in results)


def gradescope(lab: Lab, results: list[Graded], note: str) -> dict[str, Any]:
    """The results as Gradescope's results.json has them, and as other autograders take them."""
    tests = [
        {
            "name": result.test.name,
            "number": f"{result.test.checkpoint}.{number}",
            "score": result.points,
            "max_score": result.test.points,
            "status": "passed" if result.passed else "failed",
            "output": "" if result.passed else f"{result.said}\nHint: {result.test.hint}",
        }
        for number, result in enumerate(results, 1)
    ]
    whole: dict[str, Any] = {
        "score": points_of(results),
        "output": f"Lab {lab.number}: {lab.title}. {note}".strip(),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }
    figures = {name: value for result in results for name, value in result.figures.items()}
    if figures:
        whole["leaderboard"] = [{"name": name, "value": value} for name, value in figures.items()]
    return whole

# SPDX-License-Identifier: BSD-2-Clause
"""What tools/mutate judges mutants with: scratch copies of a tree, and the unit programs that reach a line."""

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

from .mutants import Mutant, mutants_of
from .qemu import die_with_parent

RUN_SECONDS = 600  # of a processor, for a program without a mutant
SECONDS_MIN = 2  # of a processor, before a program hangs
SECONDS_TIMES = 4  # or so many times what it took without a mutant
WAITING_TIMES = 60  # so many times longer, before one that needs no processor hangs
NR_FIRST = (1, 4)  # programs that are built alone, before all others of a phase
THREADED = ("mm/test_page_threads", "mm/test_migrate_threads", "mm/test_page_races")
DEBUGGED = ("mm/test_page_poison", "mm/test_page_walk")


@dataclass(frozen=True)
class Phase:
    """One way to build the programs: what make is given, and where they are then."""

    name: str
    folder: str
    variables: tuple[str, ...]
    only: tuple[str, ...] = ()  # programs; none: all
    goal: str = ""  # builds them all; none: each is its own


QUICK = "WARNINGS=-w -g0"
COVERAGE = Phase("coverage", "build/coverage/unit", ("O=build/coverage", "HOST_SANITIZERS=--coverage -O0", QUICK))
# From fast to slow: most mutants need the first alone.
PHASES = (
    Phase("plain", "build/plain/unit", ("O=build/plain", "HOST_SANITIZERS=", QUICK)),
    Phase("asan", "build/unit", ("O=build", QUICK)),
    Phase("debug", "build/debug/unit", ("O=build", QUICK), DEBUGGED, "debug-programs"),
    Phase("tsan", "build/tsan/unit", ("O=build", QUICK), THREADED, "tsan-programs"),
)


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: killed, survived, equivalent, or no program (it does not compile)."""

    mutant: Mutant
    word: str
    by: str = ""  # the phase and program that failed, or why it is equivalent


def limit_child(cpu_seconds: int = RUN_SECONDS) -> None:
    """For preexec_fn: the limits outlive exec; what is above one is ended by a signal."""
    die_with_parent()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    signal.alarm(WAITING_TIMES * cpu_seconds)


class Tree:
    """A scratch copy of the sources, with what was built from them."""

    def __init__(self, root: Path):
        self.root = root
        self.environment = {name: value for name, value in os.environ.items()
                            if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "O")}  # fmt: skip

    def copy_from(self, source: Path) -> None:
        """Take over the files that git lists; those that are the same keep their time, so little is built again."""
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                cwd=source, capture_output=True, text=True, check=True).stdout  # fmt: skip
        names = {name for name in listed.split("\0") if name and (source / name).is_file()}
        for name in names:
            there, here = source / name, self.root / name
            if not here.is_file() or here.read_bytes() != there.read_bytes():
                here.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(there, here)
        for path in self.root.rglob("*"):
            name = path.relative_to(self.root).as_posix()
            if path.is_file() and name not in names and not name.startswith("build/"):
                path.unlink()

    def become(self, other: "Tree") -> None:
        """What the other has built, times included: nothing is built again."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(other.root, self.root, copy_function=shutil.copy2)

    def programs(self) -> list[str]:
        sources = sorted(self.root.glob("tests/unit/*/test_*.c"))
        return [f"{source.parent.name}/{source.stem}" for source in sources]

    def build(self, phase: Phase, programs: list[str], jobs: int = 1) -> str:
        """Build them; what the compiler said if that failed."""
        goals = [phase.goal] if phase.goal else [f"{phase.folder}/{program}" for program in programs]
        done = subprocess.run(["make", "-s", f"-j{jobs}", *phase.variables, *goals], cwd=self.root,
                              env=self.environment, capture_output=True, text=True, errors="replace",
                              preexec_fn=limit_child)  # fmt: skip
        return "" if done.returncode == 0 else done.stderr or "make failed"

    def passes(self, phase: Phase, program: str, cpu_seconds: int, **environment: str) -> tuple[bool, float]:
        """Run a program to its end, or until it hangs; the processor's seconds that it took."""
        process = subprocess.Popen([self.root / phase.folder / program], cwd=self.root,
                                   env=self.environment | environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                                   preexec_fn=lambda: limit_child(cpu_seconds))  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it has started
        return process.returncode == 0, used.ru_utime + used.ru_stime

    def count_lines(self, program: str) -> list[dict[str, Any]]:
        """Run a program that was built to count; gcov's record of each source that it is made of."""
        counts = self.root / "build/counts" / program
        shutil.rmtree(counts, ignore_errors=True)
        good, _ = self.passes(COVERAGE, program, RUN_SECONDS, GCOV_PREFIX=str(counts),
                              GCOV_PREFIX_STRIP=str(len(self.root.parts) - 1))  # fmt: skip
        if not good:
            raise ValueError(f"{program} fails without a mutant (coverage)")
        found = [path.relative_to(counts) for path in counts.rglob("*.gcda")]
        for path in found:
            (counts / path).with_suffix(".gcno").symlink_to((self.root / path).with_suffix(".gcno"))
        done = subprocess.run(["gcov", "--json-format", "--stdout", *found], cwd=counts, capture_output=True,
                              text=True, check=True)  # fmt: skip
        shutil.rmtree(counts)
        return [source for line in done.stdout.splitlines() for source in json.loads(line)["files"]]


@dataclass
class Reach:
    """By file and line: the programs that run it. A line without code has no entry."""

    lines: dict[str, dict[int, set[str]]] = field(default_factory=dict)

    def add(self, program: str, sources: list[dict[str, Any]]) -> None:
        for source in sources:
            lines = self.lines.setdefault(os.path.normpath(source["file"]), {})
            for line in source["lines"]:
                programs = lines.setdefault(line["line_number"], set())
                if line["count"] or program in (*THREADED, *DEBUGGED):  # other lines at other times, or with DEBUG=1
                    programs.add(program)

    def programs(self, mutant: Mutant, text: str) -> set[str]:
        """Those that run a line of the mutant's, or the lines with code before and after one without."""
        lines = self.lines.get(mutant.file, {})
        first = mutant.line(text)
        last = first + text.count("\n", mutant.start, mutant.end)
        first = max((line for line in lines if line <= first), default=first)
        last = min((line for line in lines if line >= last), default=last)
        return {program for line, programs in lines.items() if first <= line <= last for program in programs}


@dataclass
class Judge:
    """Which programs are for which mutant, how long each takes, and which one killed in a file before."""

    programs: dict[Mutant, set[str]]
    seconds: dict[tuple[str, str], float] = field(default_factory=dict)  # by phase and program
    kills: Counter[tuple[str, str]] = field(default_factory=Counter)  # by file and program

    def wanted(self, phase: Phase, mutant: Mutant) -> set[str]:
        return self.programs[mutant] & set(phase.only) if phase.only else self.programs[mutant]

    def order(self, phase: Phase, mutant: Mutant) -> list[str]:
        """The likely killers first: those that were, then by name, then the fast ones."""
        stem = Path(mutant.file).stem
        return sorted(self.wanted(phase, mutant),
                      key=lambda program: (-self.kills[mutant.file, program], stem not in program,
                                           self.seconds[phase.name, program]))  # fmt: skip

    def batches(self, phase: Phase, mutant: Mutant) -> Iterator[list[str]]:
        """The programs in that order, as many as are built at once."""
        rest = self.order(phase, mutant)
        for size in () if phase.goal else NR_FIRST:
            yield rest[:size]
            rest = rest[size:]
        yield rest

    def try_on(self, tree: Tree, phase: Phase, mutant: Mutant) -> Outcome:
        for batch in self.batches(phase, mutant):
            if not batch:
                continue
            if tree.build(phase, batch):
                return Outcome(mutant, "no program")
            for program in batch:
                limit = SECONDS_MIN + int(SECONDS_TIMES * self.seconds[phase.name, program])
                if not tree.passes(phase, program, limit)[0]:
                    self.kills[mutant.file, program] += 1
                    return Outcome(mutant, "killed", f"{phase.name} {program}")
        return Outcome(mutant, "survived")

    def judge(self, tree: Tree, phase: Phase, mutant: Mutant) -> Outcome:
        """Put the mutant into the tree, and take it out again."""
        path = tree.root / mutant.file
        text = path.read_text()
        path.write_text(mutant.apply(text))
        try:
            return self.try_on(tree, phase, mutant)
        finally:
            path.write_text(text)


def name_of(mutant: Mutant, text: str) -> tuple[str, str, str]:
    """What stands for it in the list of equivalent ones: file and function, the line, what it becomes."""
    return f"{mutant.file} {mutant.function}", *mutant.change(text)


def read_equivalents(path: Path, tree: Path) -> dict[tuple[str, str, str], str]:
    """The reasons of a list, by name; ValueError for an entry that is no mutant of the tree's."""
    reasons: dict[tuple[str, str, str], str] = {}
    text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
    known: dict[str, set[tuple[str, str, str]]] = {}
    for entry in re.split(r"\n\s*\n", text.strip("\n")):
        lines = [line.strip() for line in entry.splitlines()]
        if lines in ([], [""]):
            continue
        if len(lines) != 4:
            raise ValueError(f"{path}: {lines[0]}: expected file and function, a line, what it becomes and a reason")
        where, old, new, reason = lines
        file = where.partition(" ")[0]
        if file not in known:
            source = (tree / file).read_text() if (tree / file).is_file() else ""
            known[file] = {name_of(mutant, source) for mutant in mutants_of(file, source)}
        if (where, old, new) not in known[file]:
            raise ValueError(f"{path}: {where}: no mutant makes '{new}' of '{old}'")
        reasons[where, old, new] = reason
    return reasons

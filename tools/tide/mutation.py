# SPDX-License-Identifier: BSD-2-Clause
"""What tools/mutate judges mutants with: scratch copies of a tree, and the unit programs that link a file."""

import os
import re
import resource
import shutil
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

from .mutants import Mutant, mutants_of
from .qemu import die_with_parent

SECONDS_MIN = 10.0  # of a program, before it hangs
SECONDS_TIMES = 6  # or so many times what it took without a mutant
NR_FIRST = (1, 4)  # programs that are built alone, before all others of a phase
THREADED = ("mm/test_page_threads", "mm/test_migrate_threads")


@dataclass(frozen=True)
class Phase:
    """One way to build the programs: what make is given, and where they are then."""

    name: str
    folder: str
    variables: tuple[str, ...]
    only: tuple[str, ...] = ()  # programs; none: all
    goal: str = ""  # builds them all; none: each is its own


# From fast to slow: most mutants need the first alone.
PHASES = (
    Phase("plain", "build/plain/unit", ("O=build/plain", "HOST_SANITIZERS=", "WARNINGS=-w")),
    Phase("asan", "build/unit", ("O=build", "WARNINGS=-w")),
    Phase("tsan", "build/tsan/unit", ("O=build", "WARNINGS=-w"), THREADED, "tsan-programs"),
)


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: killed, survived, equivalent, or no program (it does not compile)."""

    mutant: Mutant
    word: str
    by: str = ""  # the phase and program that failed, or why it is equivalent


def limit_child() -> None:
    die_with_parent()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


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

    def passes(self, phase: Phase, program: str, seconds: float) -> bool:
        """Run a program to its end, or until it hangs."""
        process = subprocess.Popen([self.root / phase.folder / program], cwd=self.root, env=self.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True, preexec_fn=limit_child)  # fmt: skip
        try:
            return process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return False

    def sources_with(self, header: str) -> set[str]:
        """The sources that a header goes into, by the compiler's own lists."""
        host = self.root / "build/plain/host"
        pattern = re.compile(rf"(^|\s){re.escape(header)}(\s|:|$)", re.MULTILINE)
        return {path.relative_to(host).with_suffix(".c").as_posix()
                for path in host.rglob("*.d") if pattern.search(path.read_text())}  # fmt: skip

    def linking(self, file: str) -> list[str]:
        """The programs that a file's code is in, as their debug information names their sources."""
        sources = {file} if file.endswith(".c") else self.sources_with(file)
        names = [f"\0{source}\0".encode() for source in sources]
        found = []
        for program in self.programs():
            content = (self.root / PHASES[0].folder / program).read_bytes()
            if any(name in content for name in names):
                found.append(program)
        return found


@dataclass
class Judge:
    """Which programs are for which file, how long each takes, and which one killed there before."""

    programs: dict[str, list[str]]
    seconds: dict[tuple[str, str], float] = field(default_factory=dict)  # by phase and program
    kills: Counter[tuple[str, str]] = field(default_factory=Counter)  # by file and program

    def order(self, phase: Phase, file: str) -> list[str]:
        """The likely killers first: those that were, then by name, then the fast ones."""
        stem = Path(file).stem
        chosen = [program for program in self.programs[file] if not phase.only or program in phase.only]
        return sorted(chosen, key=lambda program: (-self.kills[file, program], stem not in program,
                                                   self.seconds[phase.name, program]))  # fmt: skip

    def batches(self, phase: Phase, file: str) -> Iterator[list[str]]:
        """The programs in that order, as many as are built at once."""
        rest = self.order(phase, file)
        for size in () if phase.goal else NR_FIRST:
            yield rest[:size]
            rest = rest[size:]
        yield rest

    def try_on(self, tree: Tree, mutant: Mutant) -> Outcome:
        for phase in PHASES:
            for batch in self.batches(phase, mutant.file):
                if not batch:
                    continue
                if tree.build(phase, batch):
                    return Outcome(mutant, "no program")
                for program in batch:
                    limit = max(SECONDS_MIN, SECONDS_TIMES * self.seconds[phase.name, program])
                    if not tree.passes(phase, program, limit):
                        self.kills[mutant.file, program] += 1
                        return Outcome(mutant, "killed", f"{phase.name} {program}")
        return Outcome(mutant, "survived")

    def judge(self, tree: Tree, mutant: Mutant) -> Outcome:
        """Put the mutant into the tree, and take it out again."""
        path = tree.root / mutant.file
        text = path.read_text()
        path.write_text(mutant.apply(text))
        try:
            return self.try_on(tree, mutant)
        finally:
            path.write_text(text)


def read_equivalents(path: Path, tree: Path) -> dict[tuple[str, str, str], str]:
    """The reasons of a list, by file and both lines; ValueError for an entry that is no mutant of the tree's."""
    reasons: dict[tuple[str, str, str], str] = {}
    text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
    known: dict[str, set[tuple[str, str]]] = {}
    for entry in re.split(r"\n\s*\n", text.strip("\n")):
        lines = [line.strip() for line in entry.splitlines()]
        if lines in ([], [""]):
            continue
        if len(lines) != 4:
            raise ValueError(f"{path}: {lines[0]}: expected a file, a line, what it becomes and a reason")
        file, old, new, reason = lines
        if file not in known:
            source = (tree / file).read_text() if (tree / file).is_file() else ""
            known[file] = {mutant.change(source) for mutant in mutants_of(file, source)}
        if (old, new) not in known[file]:
            raise ValueError(f"{path}: {file}: no mutant makes '{new}' of '{old}'")
        reasons[file, old, new] = reason
    return reasons

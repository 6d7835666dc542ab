# SPDX-License-Identifier: BSD-2-Clause
"""The proofs of tests/proofs: what their files say, CBMC on one of them, and the table of docs/proofs.md.

proof.toml has, beside [[mutant]] tables of `line` and `becomes` (and `file`, if it is another):

    function = "vmem_map_next"                  what is proved to keep its contract
    file = "drivers/virtio/mem/block_map.c"     where it stands
    proves = "..."                              a sentence for people
    bounds = "..."                              for which inputs
    clauses = ["20"]                            of docs/virtio-mem.md, if any
    sources = []                                what is proved with it and the harness does not include
    options = ["--unwind", "9"]                 CBMC's
    solver = "cadical"                          or "z3", or "minisat", which is built in
    without = []                                of CHECKS, where a value is meant to wrap
    replaced = {count_bits = "weigh"}           calls of functions that other proofs are for, by the harness's own
"""

import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import tomllib
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Iterator, TextIO

from .qemu import die_with_parent

FOLDER = "tests/proofs"
# Beside those that CBMC 6 makes by itself: bounds, pointers, division, shifts, signed overflow, unwinding.
CHECKS = ("unsigned-overflow", "conversion", "pointer-overflow", "enum-range")
SOLVERS = {"cadical": ["--external-sat-solver", "cadical"], "minisat": [], "z3": ["--z3"]}
SECONDS_MAX = 600  # of a processor's time
MEMORY_MAX = 4 << 30  # of address space
MUTANTS = 3  # of each proof
SOURCES = ("arch", "boot", "drivers", "extras", "include", "kernel", "lib", "mm", "monitor", "tests")
STATUS_REFUTED = 10

_RESULT = re.compile(r"^\[(\S+)\] (.*): (SUCCESS|FAILURE|UNKNOWN|ERROR)$", re.MULTILINE)
_PLACE = re.compile(r"^(\S+) function \S+$")
_NO_BODY = re.compile(r"no body for (?:function|callee) '?([\w$]+)")
_ROW = re.compile(r"^\| `(\w+)` \|.*\|$", re.MULTILINE)
_TABLE = re.compile(r"^\| proof \|.*\n\|[-|]+\|\n((?:\|.*\n)*)", re.MULTILINE)


@dataclass(frozen=True)
class Mutant:
    file: str
    line: str  # a part of one line, that stands there once
    becomes: str

    def complaint(self, tree: Path) -> str:
        """Why it cannot be put into the file, if it cannot."""
        count = (tree / self.file).read_text().count(self.line) if (tree / self.file).is_file() else 0
        return "" if count == 1 else f"{self.file}: `{self.line}` stands there {count} times, not once"

    def apply(self, tree: Path) -> None:
        """Put it into a scratch tree, whose files are links."""
        path = tree / self.file
        text = path.read_text().replace(self.line, self.becomes)
        path.unlink()
        path.write_text(text)


@dataclass(frozen=True)
class Proof:
    name: str
    function: str
    file: str
    proves: str
    bounds: str
    clauses: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    solver: str = "cadical"
    without: list[str] = field(default_factory=list)
    replaced: dict[str, str] = field(default_factory=dict)
    mutants: list[Mutant] = field(default_factory=list)

    @property
    def harness(self) -> str:
        return f"{FOLDER}/{self.name}/{self.name}_harness.c"

    def complaints(self, tree: Path) -> list[str]:
        """What is wrong with its folder."""
        found = [mutant.complaint(tree) for mutant in self.mutants]
        if len(self.mutants) != MUTANTS:
            found.append(f"{len(self.mutants)} mutants, not {MUTANTS}")
        for name in (self.harness, self.file, *self.sources):
            if not (tree / name).is_file():
                found.append(f"there is no {name}")
        if (tree / self.harness).is_file() and f"{self.function}(" not in (tree / self.harness).read_text():
            found.append(f"{self.harness} does not call {self.function}()")
        if self.solver not in SOLVERS or not set(self.without) <= set(CHECKS):
            found.append(f"solver is one of {', '.join(SOLVERS)}; without has some of {', '.join(CHECKS)}")
        return [f"{FOLDER}/{self.name}: {complaint}" for complaint in found if complaint]

    def row(self, seconds: str) -> str:
        """Its line of the table."""
        cells = (f"`{self.name}`", f"`{self.file.rpartition('/')[2]}:{self.function}`", self.proves, self.bounds,
                 self.solver, seconds, ", ".join(self.clauses) or "-")  # fmt: skip
        return f"| {' | '.join(cells)} |"


def read_proof(folder: Path) -> Proof:
    path = folder / "proof.toml"
    try:
        data = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from error
    mutants = [Mutant(each.get("file", data.get("file")), each["line"], each["becomes"])
               for each in data.pop("mutant", [])]  # fmt: skip
    known = {each.name for each in fields(Proof)} - {"name", "mutants"}
    if not set(data) <= known:
        raise ValueError(f"{path}: does not know {', '.join(set(data) - known)}")
    return Proof(name=folder.name, mutants=mutants, **data)


def read_proofs(tree: Path, names: list[str]) -> list[Proof]:
    """All proofs, or those named; ValueError with all that is wrong with them."""
    found = {path.parent.name: path.parent for path in sorted((tree / FOLDER).glob("*/proof.toml"))}
    unknown = [name for name in names if name not in found]
    if unknown:
        raise ValueError(f"there is no proof {', '.join(unknown)} in {FOLDER}")
    proofs = [read_proof(folder) for name, folder in found.items() if not names or name in names]
    complaints = [complaint for proof in proofs for complaint in proof.complaints(tree)]
    if complaints:
        raise ValueError("\n".join(complaints))
    return proofs


@dataclass(frozen=True)
class Outcome:
    word: str  # proved, refuted, or what kept CBMC from the one or the other
    nr_properties: int
    complaints: list[str]
    seconds: float  # of a processor's time


def limit_child() -> None:
    die_with_parent()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_MAX, SECONDS_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Cbmc:
    """CBMC, and the folder that it works in: the one that tools/setup fetched, or the installed one."""

    def __init__(self, build: Path):
        fetched = build / "cbmc/run"
        self.prefix = [str(fetched)] if fetched.exists() else []
        if not self.prefix and not shutil.which("cbmc"):
            raise ValueError("there is no CBMC: run `tools/setup prove`")
        self.folder = build / "prove"
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        self._running: "list[subprocess.Popen[bytes]]" = []
        self._is_stopped = False

    def run(self, proof: Proof, tree: Path, log_name: str, stop_early: bool = False) -> Outcome:
        """Run CBMC on a proof with the sources of a tree; its words are in the log of that name."""
        program, log = self.folder / f"{log_name}.goto", self.folder / f"{log_name}.log"
        checks = [f"--{check}-check" for check in CHECKS if check not in proof.without]
        calls = [word for old, new in proof.replaced.items() for word in ("--replace-calls", f"{old}:{new}")]
        commands = [["goto-cc", "-std=gnu11", "-I.", "-Itests/unit/include", "--function", "harness", "-o", program,
                     proof.harness, *proof.sources],
                    ["goto-instrument", *calls, program, program] if calls else [],
                    ["cbmc", program, *checks, *SOLVERS[proof.solver], *proof.options,
                     "--stop-on-fail" if stop_early else "--trace"]]  # fmt: skip
        seconds = 0.0
        with log.open("w") as output:
            for command in filter(None, commands):
                status, used = self._execute(command, tree, output)
                seconds += used
                if status != 0:
                    break
        program.unlink(missing_ok=True)
        if self._is_stopped:
            raise InterruptedError(f"{proof.name} was stopped")
        return judge(log, status if command[0] == "cbmc" else -1, seconds)

    def _execute(self, command: list[str | Path], tree: Path, output: TextIO) -> tuple[int, float]:
        """The status of one of CBMC's programs, and how long it kept a processor."""
        process = subprocess.Popen([*self.prefix, *command], cwd=tree, stdout=output, stderr=output,
                                   env=os.environ | {"TMPDIR": str(self.folder / "tmp")},
                                   stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=limit_child)  # fmt: skip
        self._running.append(process)
        if self._is_stopped:
            self.stop()
        _, status, usage = os.wait4(process.pid, 0)
        self._running.remove(process)
        process.returncode = os.waitstatus_to_exitcode(status)
        return process.returncode, usage.ru_utime + usage.ru_stime

    def stop(self) -> None:
        """End what runs, its solver too, and what is begun later."""
        self._is_stopped = True
        for process in list(self._running):
            with suppress(ProcessLookupError):  # it ended just now
                os.killpg(process.pid, signal.SIGKILL)


def judge(log: Path, status: int, seconds: float) -> Outcome:
    """What CBMC found, by its status and its log."""
    text = log.read_text(errors="replace")
    missing = sorted(set(_NO_BODY.findall(text)))
    nr_properties = len(_RESULT.findall(text))
    word, complaints = "proved", []
    if missing or status not in (0, STATUS_REFUTED):
        word = f"stopped with status {status}"
        complaints = [f"{name}() has no body" for name in missing] or text.splitlines()[-5:]
    elif status == STATUS_REFUTED:
        word, complaints = "refuted", failures(text)
    return Outcome(word, nr_properties, [*complaints, f"see {log}"] if word != "proved" else [], seconds)


def failures(text: str) -> list[str]:
    """Each property that does not hold, with its place."""
    found, file = [], ""
    for line in text.splitlines():
        place = _PLACE.match(line)
        file = place[1] if place else file
        result = _RESULT.match(line)
        if result and result[3] == "FAILURE":  # not those that CBMC no longer looked at
            found.append(f"{file}: {result[2]}")
    return found


@contextmanager
def scratch_tree(tree: Path, folder: Path) -> Iterator[Path]:
    """The sources once more, as links, for as long as it is wanted."""
    with tempfile.TemporaryDirectory(dir=folder / "tmp") as name:
        for part in SOURCES:
            shutil.copytree(tree / part, Path(name) / part, copy_function=os.symlink)
        yield Path(name)


def table_of(page: Path) -> str:
    table = _TABLE.search(page.read_text())
    if not table:
        raise ValueError(f"{page}: there is no table of proofs")
    return table[1]


def write_table(page: Path, proofs: list[Proof], folder: Path) -> None:
    """Put the proofs into the page; a proof that did not run here keeps its seconds."""
    rows = table_of(page)
    known = {row[0].split("|")[1].strip(" `"): row[0].split("|")[6].strip() for row in _ROW.finditer(rows)}
    lines = ""
    for proof in proofs:
        measured = folder / f"{proof.name}.seconds"
        seconds = measured.read_text().strip() if measured.exists() else known.get(proof.name, "-")
        lines += proof.row(seconds) + "\n"
    text = page.read_text()
    place = _TABLE.search(text)
    assert place
    page.write_text(text[: place.start(1)] + lines + text[place.end(1) :])


def table_complaints(page: Path, tree: Path, clauses: set[str]) -> list[str]:
    """Where the page and the folders differ, seconds aside, and clauses that are none of these."""
    proofs = read_proofs(tree, [])
    rows = table_of(page).splitlines()
    there = [re.sub(r"\| [\d-]+ (\| [^|]*\|)$", r"| - \1", row) for row in rows]
    wanted = [proof.row("-") for proof in proofs]
    where = page.relative_to(tree)
    complaints = [f"{FOLDER}/{proof.name}: there is no clause {clause}"
                  for proof in proofs for clause in proof.clauses if clause not in clauses]  # fmt: skip
    return (complaints + [f"{where}: has no row, or another, for: {row}" for row in wanted if row not in there]
            + [f"{where}: no such proof: {row}" for row in there if row not in wanted])  # fmt: skip

# SPDX-License-Identifier: BSD-2-Clause
"""For tools/lint: the calls between files, from the built objects.

nm lists the symbols that an object defines and those that it uses. Nothing
else is looked at for circles, so a header never counts; to use a symbol is to
depend on its file, be it called, read or put into a table. The functions here
take a tree, so that tests give them small ones.
"""

import re
import subprocess
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator, Mapping

_NAME = re.compile(r"[A-Za-z_]\w*")

Graph = dict[str, dict[str, set[str]]]  # caller -> the file that defines -> the symbols used


@dataclass(frozen=True)
class Unit:
    """A source file as its object shows it."""

    source: str
    functions: frozenset[str]  # global, defined here
    data: frozenset[str]  # global, defined here, no function
    uses: frozenset[str]  # defined elsewhere


def unit_of(source: str, nm_lines: Iterable[str]) -> Unit:
    """What the lines of `nm -P` say: a name, and a letter, upper case if it is global."""
    kinds: dict[str, set[str]] = {"functions": set(), "data": set(), "uses": set()}
    for line in nm_lines:
        name, letter, *value = line.split()
        if letter in "Uwv":  # a weak one that is defined has a capital letter
            kinds["uses"].add(name)
        elif letter in "TW":
            kinds["functions"].add(name)
        elif letter.isupper():
            kinds["data"].add(name)
    return Unit(source, *(frozenset(kinds[kind]) for kind in ("functions", "data", "uses")))


def read_units(objects: Path, sources: Iterable[Path]) -> list[Unit]:
    """The units of those sources whose objects are there; SOURCE.o is below the folder `objects`."""
    there = [source for source in sources if (objects / f"{source}.o").exists()]
    if not there:
        return []
    done = subprocess.run(["nm", "-A", "-P", *(f"{source}.o" for source in there)], cwd=objects,
                          capture_output=True, text=True, check=True)  # fmt: skip
    lines: dict[str, list[str]] = {str(source): [] for source in there}
    for line in done.stdout.splitlines():
        name, _, symbol = line.partition(".o: ")
        lines[name].append(symbol)
    return [unit_of(source, symbols) for source, symbols in lines.items()]


def graph_of(units: Iterable[Unit]) -> Graph:
    """Which file uses which symbols of which other file."""
    units = list(units)
    definer = {name: unit.source for unit in units for name in unit.functions | unit.data}
    graph: Graph = {unit.source: {} for unit in units}
    for unit in units:
        for name in unit.uses & definer.keys():
            graph[unit.source].setdefault(definer[name], set()).add(name)
    return graph


def shortest_way(graph: Mapping[str, Iterable[str]], start: str, end: str) -> list[str]:
    """The files on a shortest way of one step at least, both ends included; empty if there is none."""
    before: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for there in sorted(graph[here]):
            if there == end:
                way = [end, here]
                while way[-1] != start:
                    way.append(before[way[-1]])
                return way[::-1]
            if there != start and there not in before:
                before[there] = here
                waiting.append(there)
    return []


def circles(graph: Graph) -> list[list[str]]:
    """The sets of files that all reach one another: the strongly connected parts of two files or more."""
    found: list[list[str]] = []
    reached = {file: {other for other in graph if shortest_way(graph, file, other)} for file in graph}
    for file in sorted(graph):
        members = sorted(other for other in reached[file] if file in reached[other])
        if len(members) > 1 and members not in found:
            found.append(members)
    return found


def calls_of_circle(graph: Graph, members: list[str], known: set[str]) -> Iterator[str]:
    """Lines that name the calls of a circle: the shortest ways round, until each file that is not known was on one."""
    inside = {file: {other: graph[file][other] for other in graph[file] if other in members} for file in members}
    shown = set(known)
    for file in sorted(members, key=lambda member: len(shortest_way(inside, member, member))):
        if file in shown:
            continue
        way = shortest_way(inside, file, file)
        shown.update(way)
        for number, (caller, definer) in enumerate(zip(way, way[1:])):
            mark = "  round:" if number == 0 else "        "
            yield f"{mark} {caller} -> {', '.join(sorted(inside[caller][definer]))} -> {definer}"


def circle_complaints(graph: Graph, known: Iterable[str]) -> list[str]:
    """Circles with a file that is not known to be in one; known files that are in none any more."""
    known = set(known)
    complaints = []
    found = circles(graph)
    for members in found:
        if not known.issuperset(members):
            complaints.append(f"a circle of {len(members)} files: {', '.join(members)}")
            complaints += calls_of_circle(graph, members, known)
    gone = known.difference(*found)
    return complaints + [f"{file}: in no circle any more: take it off the list" for file in sorted(gone)]


def code_of(text: str) -> str:
    """C without its comments and without what stands between double quotes."""
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', " ", text, flags=re.DOTALL)


def words_of(text: str) -> Counter[str]:
    """How often each name stands in the code."""
    return Counter(_NAME.findall(code_of(text)))


def declared_functions(headers: Iterable[Path], tree: Path) -> dict[str, str]:
    """The functions that headers declare or define in place: name, header."""
    names = [str(header) for header in headers]
    if not names:
        return {}
    done = subprocess.run(["ctags", "-f", "-", "--c-kinds=fp", "--output-format=u-ctags", *names],
                          cwd=tree, capture_output=True, text=True, check=True)  # fmt: skip
    rows = (line.split("\t") for line in done.stdout.splitlines() if not line.startswith("!"))
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True)
class Sources:
    """The names that stand in each file, and in the files of tests."""

    kernel: Mapping[str, Counter[str]]  # C, headers, assembly, linker script
    tests: Mapping[str, Counter[str]]

    def tests_with(self, name: str) -> list[str]:
        return sorted(file for file, words in self.tests.items() if words[name])


def dead_functions(units: Iterable[Unit], sources: Sources) -> dict[str, str]:
    """Global functions that no other object uses and that their own file does not need as they are: name, complaint."""
    units = list(units)
    used = set[str]().union(*(unit.uses for unit in units))
    used.update(name for file, words in sources.kernel.items() if file.endswith(".ld") for name in words)
    dead = {}
    for unit in sorted(units, key=lambda unit: unit.source):
        for name in sorted(unit.functions - used):
            tests = sources.tests_with(name)
            if sources.kernel[unit.source][name] < 2:
                callers = f"only tests call it: {', '.join(tests)}" if tests else "nobody calls it"
                dead[name] = f"{unit.source}: {name}: {callers}"
            elif not tests:
                dead[name] = f"{unit.source}: {name}: only this file uses it: make it static"
    return dead


def dead_declarations(declared: Mapping[str, str], sources: Sources) -> dict[str, str]:
    """Functions of headers whose name stands nowhere else in the kernel: name, complaint."""
    total = sum(sources.kernel.values(), Counter[str]())
    return {name: f"{header}: {name}: nobody calls it" for name, header in declared.items() if total[name] < 2}


def dead_python(tools: Mapping[str, str], others: Iterable[str]) -> list[str]:
    """Functions of Python files whose name stands once, in these files and in the others together."""
    total = sum((Counter(_NAME.findall(text)) for text in (*tools.values(), *others)), Counter[str]())
    found = [(file, name) for file, text in tools.items() for name in re.findall(r"^\s*def (\w+)", text, re.MULTILINE)]
    return [f"{file}: {name}: nobody calls it" for file, name in found if total[name] < 2 and not name.startswith("__")]


def caller_complaints(units: Iterable[Unit], sources: Sources, declared: Mapping[str, str],
                      public: Iterable[str], uncalled: Iterable[str]) -> list[str]:  # fmt: skip
    """Functions without a caller; those on the list `uncalled` that have one by now."""
    dead = dead_declarations(declared, sources) | dead_functions(units, sources)
    complaints = [text for name, text in dead.items() if name not in {*public, *uncalled}]
    return complaints + [f"{name}: is called, or gone: take it off the list" for name in uncalled if name not in dead]

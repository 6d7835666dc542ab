# SPDX-License-Identifier: BSD-2-Clause
"""Checking tables of TOML against their keys: every problem with its file, line, what stands there and what is allowed."""

import copy
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import schema, toml_lines
from .keys import POLICIES
from .schema import Key
from .toml_lines import line_of, locate


@dataclass
class Problem:
    """One mistake in a scenario."""

    file: str
    line: int
    found: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.found}\n    allowed: {self.allowed}"


class ScenarioError(Exception):
    """The problems of one file."""

    def __init__(self, problems: list[Problem]):
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Checker:
    """Collects the problems of one file."""

    def __init__(self, file: str, lines: dict[toml_lines.Path, int]):
        self.file = file
        self.lines = lines
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self.swept: dict[toml_lines.Path, int] = {}  # paths whose value a sweep set, and its line
        self.own: tuple[toml_lines.Path, frozenset[str]] = ((), frozenset())  # of a guest: its table, its parts

    def at(self, path: toml_lines.Path) -> toml_lines.Path:
        """Where the path is in the file: a part that the present guest has itself stands in its table."""
        prefix, parts = self.own
        return (*prefix, *path) if path and path[0] in parts else path

    def problem(self, path: toml_lines.Path, found: str, allowed: str) -> None:
        path = self.at(path)
        line = self.swept.get(path) or line_of(self.lines, path)
        problem = Problem(self.file, line, found, allowed)
        if problem not in self.problems:
            self.problems.append(problem)

    def warn(self, path: toml_lines.Path, text: str) -> None:
        path = self.at(path)
        warning = f"{self.file}:{self.swept.get(path) or line_of(self.lines, path)}: warning: {text}"
        if warning not in self.warnings:
            self.warnings.append(warning)

    def value(self, path: toml_lines.Path, kind: schema.Kind, value: Any) -> Any:
        try:
            return kind.read(value)
        except schema.Refused:
            self.problem(path, f"{dotted(self.at(path))} = {toml_text(value)}", kind.allowed)
            return None

    def table(self, path: toml_lines.Path, keys: dict[str, Key], given: Any) -> dict[str, Any]:
        """Every key of the table with its value or default; a key whose kind is None is left as it is."""
        result = {name: copy.copy(key.default) for name, key in keys.items()}
        where = f"[{dotted(self.at(path))}]" if path else "the top of the file"
        if not isinstance(given, dict):
            self.problem(path, found_words(path, given), f"a table [{dotted(path)}]: {', '.join(keys)}")
            return {name: None if value is ... else value for name, value in result.items()}
        for name, value in given.items():
            if name not in keys:
                hint = schema.nearest(name, list(keys))
                self.problem((*path, name), f"unknown key '{name}' in {where}{hint}", ", ".join(keys))
            elif keys[name].kind is None:
                result[name] = value
            else:
                result[name] = self.value((*path, name), keys[name].kind, value)
        for name, value in result.items():
            if value is ...:
                result[name] = None
                self.problem(path, f"'{name}' is missing in {where}", f"{name} = {keys[name].kind.allowed}")
        return result

    def kinded(self, part: str, kinds: dict[str, dict[str, Key]], given: Any) -> dict[str, Any] | None:
        """A table whose keys depend on its `kind`; None where there is none, or it is no such table."""
        if given is None:
            return None
        if not isinstance(given, dict):
            self.problem((part,), found_words((part,), given), f'a table [{part}] with its kind: kind = "{next(iter(kinds))}"')
            return None
        kind = given.get("kind")
        if kind not in kinds:
            found = f"{part}.kind = {toml_text(kind)}" if kind is not None else f"'kind' is missing in [{part}]"
            self.problem((part, "kind"), found, schema.choice(*kinds).allowed)
            return None
        rest = {name: value for name, value in given.items() if name != "kind"}
        return {"kind": kind} | self.table((part,), kinds[kind], rest)

    def policy(self, given: Any) -> dict[str, Any] | None:
        """The table [policy], which a file of `tools/resize auto` has, too."""
        policy = self.kinded("policy", POLICIES, given)
        if policy is None:
            return None
        policy["folder"] = str(Path(self.file).parent)
        for low, high in (("least", "most"), ("grow_below", "shrink_above"), ("critical", "pressure")):
            if policy.get(low) is not None and policy.get(high) is not None and policy[low] >= policy[high]:
                self.problem(("policy", low), f"{low} = {toml_text(given.get(low, policy[low]))}",
                             f"less than {high}, which is {toml_text(given.get(high, policy[high]))}")  # fmt: skip
        return policy


def dotted(path: toml_lines.Path) -> str:
    return ".".join(str(part) for part in path)


def found_words(path: toml_lines.Path, given: Any) -> str:
    """What stands where another kind of table is expected, as its author wrote it."""
    if isinstance(given, dict):
        return f"[{dotted(path)}], one table"
    if isinstance(given, list) and given and all(isinstance(one, dict) for one in given):
        return f"{len(given)} tables [[{dotted(path)}]]"
    return f"{dotted(path)} = {toml_text(given)}"


def toml_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml_text(item) for item in value) + "]"
    return str(value)


def _syntax_problem(file: str, text: str, message: str) -> Problem:
    """tomllib's words, with the line taken out of them ("... (at line 3, column 7)")."""
    words, _, place = message.rpartition(" (at ")
    line = len(text.splitlines()) or 1
    if place.startswith("line "):
        line = int(place.split()[1].rstrip(","))
    return Problem(file, line, words or message, "TOML: key = value, [table], [[table of a list]]")


def parse(file: str, text: str) -> dict[str, Any]:
    """The tables of a text; ScenarioError where it is no TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError([_syntax_problem(file, text, str(error))]) from error


def read_policy(path: Path) -> dict[str, Any]:
    """The table [policy] of a file, checked. OSError if it cannot be read."""
    text = path.read_text()
    data = parse(str(path), text)
    checker = Checker(str(path), locate(text))
    policy = checker.policy(data.get("policy"))
    if policy is None and not checker.problems:
        checker.problem((), "no [policy]", f"a table [policy] with its kind: {schema.choice(*POLICIES).allowed}")
    if checker.problems:
        raise ScenarioError(checker.problems)
    assert policy is not None
    return policy

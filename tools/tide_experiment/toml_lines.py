# SPDX-License-Identifier: BSD-2-Clause
"""Where each key of a TOML text stands.

tomllib gives values without places. locate() scans the text once more, only
for headers and keys, so that a checker can name the line. It is used on
text that tomllib has accepted, and never has to judge it.
"""

import re

Path = tuple[str | int, ...]

_KEY_PART = r'(?:[A-Za-z0-9_-]+|"[^"\n]*"|\'[^\'\n]*\')'
_KEY = re.compile(rf"\s*({_KEY_PART}(?:\s*\.\s*{_KEY_PART})*)\s*=")
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_KEY_PART}(?:\s*\.\s*{_KEY_PART})*)\s*\]")
_TOKEN = re.compile(r'"""|\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}]', re.DOTALL)


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_KEY_PART, dotted)]


class _Scanner:
    """Follows strings and brackets, to know which lines begin a key."""

    def __init__(self) -> None:
        self.string = ""  # the quotes of the multi-line string we are in
        self.depth = 0

    def inside(self) -> bool:
        return bool(self.string) or self.depth > 0

    def feed(self, line: str) -> None:
        at = 0
        while at < len(line):
            if self.string:
                end = line.find(self.string, at)
                if end < 0:
                    return
                at, self.string = end + 3, ""
                continue
            match = _TOKEN.search(line, at)
            if not match:
                return
            token, at = match.group(), match.end()
            if token in ('"""', "'''"):
                self.string = token
            elif token in "[{":
                self.depth += 1
            elif token in "]}":
                self.depth -= 1


def _resolved(parts: list[str], counts: dict[Path, int]) -> Path:
    """The path of a header: below a list of tables it means the last one of the list."""
    path: Path = ()
    for part in parts[:-1]:
        path = (*path, part)
        path = (*path, counts[path]) if path in counts else path
    return (*path, parts[-1])


def locate(text: str) -> dict[Path, int]:
    """The line (from 1) of every table and key, by its path: ("device", 0, "size")."""
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    scanner = _Scanner()
    for number, line in enumerate(text.split("\n"), 1):
        if not scanner.inside():
            header = _HEADER.match(line)
            key = _KEY.match(line)
            if header:
                table = _resolved(_parts(header[2]), counts)
                if header[1] == "[[":
                    index = counts[table] = counts.get(table, -1) + 1
                    lines.setdefault(table, number)
                    table = (*table, index)
                lines.setdefault(table, number)
                continue
            if key:
                path = table
                for part in _parts(key[1]):
                    path = (*path, part)
                    lines.setdefault(path, number)
                line = line[key.end() :]
        scanner.feed(line)
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of a path, else of the nearest table around it, else 1."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 1

# SPDX-License-Identifier: BSD-2-Clause
"""For tools/lint: runs of lines that stand twice, and the counts of docs/reading.md."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Iterator, Mapping

RUN_LINES = 12
READING_LINES = 6000
# Lines that every file has: the licence, and the names of others.
_COMMON = re.compile(r"#!|.*SPDX-License-Identifier|\s*#\s*include\b|\s*(import|from)\s")
_ROW = re.compile(r"^\|\s*(?:\[\s*)?`([^`|]+)`(?:\s*\]\([^)|]*\))?\s*\|([^|]*)\|([^|]*)\|\s*$", re.MULTILINE)
_ANY_ROW = re.compile(r"^\|(?!\s*file\s*\||[\s:|-]*$)", re.MULTILINE)

Line = tuple[int, str]  # its number, its text with one space for each run of white space
Place = tuple[str, int]  # file, index in its lines


def lines_of(text: str) -> list[Line]:
    """The lines that count: neither blank nor common to all files."""
    numbered = enumerate(text.splitlines(), 1)
    return [(number, " ".join(line.split())) for number, line in numbered if line.strip() and not _COMMON.match(line)]


def windows(files: Mapping[str, list[Line]], length: int) -> Iterator[list[Place]]:
    """The places of each run of `length` lines that stands at two places or more."""
    places: dict[tuple[str, ...], list[Place]] = defaultdict(list)
    for name, lines in files.items():
        texts = [text for _, text in lines]
        for first in range(len(texts) - length + 1):
            places[tuple(texts[first : first + length])].append((name, first))
    return (found for found in places.values() if len(found) > 1)


def run_length(files: Mapping[str, list[Line]], one: Place, other: Place) -> int:
    """How many lines from these two places on are the same; the first run ends where the second begins."""
    length = 0
    for (_, text), (_, copy) in zip(files[one[0]][one[1] :], files[other[0]][other[1] :]):
        if text != copy or (one[0] == other[0] and one[1] + length == other[1]):
            break
        length += 1
    return length


def repeats(texts: Mapping[str, str], length: int = RUN_LINES) -> list[str]:
    """Each run of `length` lines or more that stands twice, in one file or in two."""
    files = {name: lines_of(text) for name, text in texts.items()}
    complaints = []
    end_of: dict[tuple[str, str, int], int] = {}  # two files, the distance between the places: told up to here
    for first, *others in windows(files, length):
        for other in others:
            pair = (first[0], other[0], other[1] - first[1])
            same = run_length(files, first, other)
            if same < length or first[1] < end_of.get(pair, 0):
                continue
            end_of[pair] = first[1] + same
            (start, _), (end, _) = files[first[0]][first[1]], files[first[0]][first[1] + same - 1]
            copy = files[other[0]][other[1]][0]
            complaints.append(f"{first[0]}:{start}: {same} lines (to {end}) stand again at {other[0]}:{copy}")
    return complaints


def count_lines(path: Path) -> int:
    return len(path.read_text(errors="replace").splitlines())


def reading_complaints(page: Path, tree: Path) -> list[str]:
    """What is wrong with the table `| file | lines | what it does |` of the page."""
    if not page.exists():
        return [f"{page.relative_to(tree)}: there is no such page"]
    rows = _ROW.findall(page.read_text())
    nr_rows = len(_ANY_ROW.findall(page.read_text()))
    where = page.relative_to(tree)
    complaints = [] if rows else [f"{where}: no row with a file"]
    if len(rows) != nr_rows:
        complaints.append(f"{where}: {nr_rows} rows, of which {len(rows)} name a file as `path`")
    seen: set[str] = set()
    total = 0
    for name, cell, what in rows:
        if name in seen:
            complaints.append(f"{where}: {name}: there twice")
        seen.add(name)
        if not what.strip():
            complaints.append(f"{where}: {name}: does not say what it does")
        if not (tree / name).is_file():
            complaints.append(f"{where}: {name}: there is no such file")
            continue
        lines = count_lines(tree / name)
        total += lines
        if cell.strip() != str(lines):
            complaints.append(f"{where}: {name}: {lines} lines, not {cell.strip()}: tools/lint --counts mends it")
    if total > READING_LINES:
        complaints.append(f"{where}: {total} lines in all, at most {READING_LINES}")
    return complaints


def write_counts(page: Path, tree: Path) -> int:
    """Put the counts of today into the page; how many rows changed."""
    changed = 0

    def mended(match: re.Match[str]) -> str:
        nonlocal changed
        path = tree / match[1]
        if not path.is_file() or match[2].strip() == str(count_lines(path)):
            return match[0]
        changed += 1
        before, after = match.start(2) - match.start(), match.end(2) - match.start()
        return f"{match[0][:before]} {count_lines(path)} {match[0][after:]}"

    page.write_text(_ROW.sub(mended, page.read_text()))
    return changed

# SPDX-License-Identifier: BSD-2-Clause
"""The checks of text that tools/lint makes, on made-up files: repeated runs of lines, and the page of counts."""

from pathlib import Path

import pytest
from tide import lint_text

LICENCE = "/* SPDX-License-Identifier: BSD-2-Clause */\n"


def numbered(first: int, last: int) -> str:
    return "".join(f"line {number};\n" for number in range(first, last + 1))


# ---- repeats ----


def test_eleven_lines_may_stand_twice() -> None:
    assert lint_text.repeats({"a.c": LICENCE + numbered(1, 11), "b.c": LICENCE + numbered(1, 11)}) == []


def test_twelve_lines_stand_twice() -> None:
    files = {"a.c": LICENCE + numbered(1, 14), "b.c": LICENCE + "other;\n" + numbered(2, 13) + "other;\n"}
    assert lint_text.repeats(files) == ["a.c:3: 12 lines (to 14) stand again at b.c:3"]


def test_each_run_is_told_once_and_whole() -> None:
    files = {"a.c": numbered(1, 40), "b.c": "other;\n" + numbered(1, 40), "c.c": numbered(21, 32)}
    assert lint_text.repeats(files) == [
        "a.c:1: 40 lines (to 40) stand again at b.c:2",
        "a.c:21: 12 lines (to 32) stand again at c.c:1",
    ]


def test_one_file_may_hold_both() -> None:
    assert lint_text.repeats({"a.c": numbered(1, 12) + "between;\n" + numbered(1, 12)}) == [
        "a.c:1: 12 lines (to 12) stand again at a.c:14"
    ]


def test_white_space_blank_lines_and_includes_do_not_hide_a_run() -> None:
    copy = "\n#include <stdint.h>\n".join(f"\tline   {number};" for number in range(1, 13))
    assert len(lint_text.repeats({"a.c": numbered(1, 12), "b.c": copy})) == 1


def test_what_every_file_has_is_no_run() -> None:
    head = LICENCE + "".join(f'#include "lib/{number}.h"\n' for number in range(20))
    python = "".join(f"import module{number}\nfrom package import name{number}\n" for number in range(20))
    assert lint_text.repeats({"a.c": head, "b.c": head, "a.py": python, "b.py": python}) == []


# ---- the page of counts ----

HEAD = "# Reading\n\n| file | lines | what it does |\n|---|---:|---|\n"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page that is right, of a tree of two files."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "a.c").write_text(numbered(1, 3))
    (tmp_path / "b.c").write_text(numbered(1, 4000))
    path = tmp_path / "docs/reading.md"
    path.write_text(HEAD + "| `a.c` | 3 | Does this. |\n| [`b.c`](../b.c) | 4000 | Does that. |\n\nNo row: `c.c`.\n")
    return path


def complaints(page: Path) -> list[str]:
    return lint_text.reading_complaints(page, page.parent.parent)


def test_a_page_that_is_right(page: Path) -> None:
    assert complaints(page) == []


def test_the_page_must_be_there(page: Path) -> None:
    page.unlink()
    assert complaints(page) == ["docs/reading.md: there is no such page"]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [("| 3 |", "| 4 |", "a.c: 3 lines, not 4: tools/lint --counts mends it"),
     ("| 3 |", "| |", "a.c: 3 lines, not : tools/lint --counts mends it"),
     ("`a.c`", "`c.c`", "c.c: there is no such file"),
     ("Does this.", "", "a.c: does not say what it does"),
     ("| `a.c` |", "| a.c |", "2 rows, of which 1 name a file as `path`")],
)  # fmt: skip
def test_a_wrong_row(page: Path, old: str, new: str, complaint: str) -> None:
    page.write_text(page.read_text().replace(old, new))
    assert complaints(page) == [f"docs/reading.md: {complaint}"]


def test_a_file_is_there_once(page: Path) -> None:
    page.write_text(page.read_text().replace("| [`b.c`]", "| `a.c` | 3 | Again. |\n| [`b.c`]"))
    assert complaints(page) == ["docs/reading.md: a.c: there twice"]


def test_a_page_without_rows(page: Path) -> None:
    page.write_text(HEAD)
    assert complaints(page) == ["docs/reading.md: no row with a file"]


def test_the_sum_has_a_limit(page: Path) -> None:
    tree = page.parent.parent
    (tree / "a.c").write_text(numbered(1, 2001))
    assert lint_text.write_counts(page, tree) == 1
    assert complaints(page) == ["docs/reading.md: 6001 lines in all, at most 6000"]


def test_counts_are_written(page: Path) -> None:
    tree = page.parent.parent
    right = page.read_text()
    (tree / "a.c").write_text(numbered(1, 5))
    assert lint_text.write_counts(page, tree) == 1
    assert page.read_text() == right.replace("| 3 |", "| 5 |")
    assert complaints(page) == [] and lint_text.write_counts(page, tree) == 0

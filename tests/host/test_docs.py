# SPDX-License-Identifier: BSD-2-Clause
"""What a reader meets in the documents: every figure once."""

import re
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parent.parent.parent
PAGES = [TREE / "README.md", TREE / "CONTRIBUTING.md", *sorted((TREE / "docs").rglob("*.md"))]


def twice(items: list[str]) -> set[str]:
    return {item for item in items if items.count(item) > 1}


def test_readme_has_each_figure_once() -> None:
    """A figure that is there again, in other words, has the same number for Linux."""
    section = re.search(r"^## Figures$.*?(?=^## )", (TREE / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert section
    rows = [line.split("|")[2].strip() for line in section[0].splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 5 and not twice([row for row in rows if row != "-"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_row_or_picture_is_there_twice(page: Path) -> None:
    text = page.read_text()
    assert not twice(re.findall(r"!\[.*?\]\((.*?)\)", text))
    assert not twice(re.findall(r"^\| .*\|$(?!\n\|-)", text, re.MULTILINE)), "heads of tables may repeat"


def test_each_message_is_explained_once() -> None:
    text = (TREE / "docs/messages.md").read_text()
    assert not twice(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))

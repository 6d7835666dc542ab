# SPDX-License-Identifier: BSD-2-Clause
"""What a reader meets in the documents: every row, picture and message once."""

import re
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parent.parent.parent
PAGES = [TREE / "README.md", TREE / "CONTRIBUTING.md", *sorted((TREE / "docs").rglob("*.md"))]


def twice(items: list[str]) -> set[str]:
    return {item for item in items if items.count(item) > 1}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_row_or_picture_is_there_twice(page: Path) -> None:
    # A guest may make an access again, and the same one in another mode.
    text = re.sub(r"<!-- make ledger: .*?<!-- end -->", "", page.read_text(), flags=re.DOTALL)
    assert not twice(re.findall(r"!\[.*?\]\((.*?)\)", text))
    assert not twice(re.findall(r"^\| .*\|$(?!\n\|-)", text, re.MULTILINE)), "heads of tables may repeat"


def test_each_message_is_explained_once() -> None:
    text = (TREE / "docs/messages.md").read_text()
    assert not twice(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))

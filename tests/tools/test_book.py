# SPDX-License-Identifier: BSD-2-Clause
"""tools/book: what is in the booklet, as HTML and as PDF, and that it is not made from what is not there."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import TREE, Tool

sys.path.insert(0, str(TREE / "docs/book"))
from tide_book import code_of  # noqa: E402

LABS = sorted((TREE / "course/labs").iterdir())


def title(page: Path) -> str:
    return page.read_text().split("\n", 1)[0].removeprefix("# ")


def pdf_text(pdf: Path, *options: str) -> str:
    done = subprocess.run(["pdftotext", "-layout", *options, pdf, "-"], capture_output=True, text=True, check=True)
    return done.stdout


def test_the_book(tool: Tool, tmp_path: Path) -> None:
    done = tool("book", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    html = tmp_path / "book/html"
    assert "docs/book/index.html" in (html / "index.html").read_text()
    pages = {page: page.read_text() for page in html.rglob("*.html")}
    for page, text in pages.items():  # it is read without a network, and without the tree
        remote = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(?:https?:|//)[^"]*"', text)
        assert not remote, f"{page}: {remote}"
        for link in re.findall(r'href="([^"#:]+)(?:#[^"]*)?"', text):
            assert (page.parent / link).exists(), f"{page}: {link}"
    for lab in LABS:
        assert title(lab / "README.md") in pages[html / f"course/labs/{lab.name}/README.html"]
    memory = re.sub(r"<[^>]*>", "", pages[html / "docs/book/memory.html"])
    assert "metadata_trim(region-&gt;base, region-&gt;bytes);" in memory  # of a function that no lab leaves out

    pdf = tmp_path / "book/tide.pdf"
    contents = pdf_text(pdf, "-f", "2", "-l", "3")
    for name in ("What virtio-mem is", *(title(lab / "README.md") for lab in LABS), "Glossary"):
        (number,) = re.findall(rf"^ *{re.escape(name)}[ .]+(\d+)$", contents, re.MULTILINE)
        assert name in pdf_text(pdf, "-f", number, "-l", number), f"{name} is not on page {number}"
    assert "static always_inline paddr_t alloc_one(struct reservation *reservation)" in pdf_text(pdf)


def test_code_by_name() -> None:
    assert code_of("mm/page.c", "take_one").startswith("/* The lowest free frame of the word")
    assert code_of("mm/page.c", "take_one").endswith("\n}\n")
    assert code_of("mm/section.h", "struct section").startswith("struct section {\n")
    assert "BOOT_MEMORY_RAM = 1" in code_of("include/boot_info.h", "enum boot_memory_type")


@pytest.mark.parametrize("file, name, words", [
    ("mm/page.c", "no_such_function", "mm/page.c: no_such_function() is defined 0 times"),
    ("mm/page.c", "struct section", "mm/page.c: struct section is defined 0 times"),
    ("mm/no_such.c", "page_alloc", "there is no mm/no_such.c"),
])  # fmt: skip
def test_code_that_is_not_there(file: str, name: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        code_of(file, name)


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: str(lab.name))
def test_what_a_lab_asks_for_is_left_out(lab: Path) -> None:
    for write in tomllib.loads((lab / "lab.toml").read_text())["write"]:
        for name in write["functions"]:
            assert re.search(rf"{name}\([^{{]*\n{{\n    \.\.\. lab {int(lab.name[:2])} asks for this \.\.\.\n}}\n\Z",
                             code_of(write["file"], name))  # fmt: skip


def test_a_page_with_faults(tmp_path: Path) -> None:
    """A link that leads nowhere and code that is gone fail the build, and each is named."""
    (tmp_path / "bad.md").write_text("# Bad\n\n[a link](nowhere.md)\n\n```{code-of} mm/page.c gone\n```\n")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-c", TREE / "docs/book", "-D", "root_doc=bad",
         "-D", "include_patterns=bad.md", tmp_path, tmp_path / "out"],
        capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode != 0
    assert "nowhere.md" in done.stderr and "mm/page.c: gone() is defined 0 times" in done.stderr, done.stderr

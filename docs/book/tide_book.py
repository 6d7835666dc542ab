# SPDX-License-Identifier: BSD-2-Clause
"""What Sphinx must know for the booklet: code by name out of the sources, and links to what is not in the book.

    ```{code-of} mm/page.c page_alloc
    ```

shows a function, or `struct NAME` or `enum NAME`, with the comment before it. The build fails if it is not there, so the
book never shows code that is gone. Of a function that a lab asks for, the body is left out.
"""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import download_reference
from sphinx.application import Sphinx
from sphinx.directives.code import container_wrapper
from sphinx.util.docutils import SphinxDirective
from tide_course.lab import LABS, read_lab
from tide_course.source import find_function

TREE = Path(__file__).resolve().parent.parent.parent


def comment_before(text: str, at: int) -> str:
    """The comment whose last line ends where the code begins, or nothing."""
    match = re.search(r"^/\*(?:(?!\*/).)*\*/\n\Z", text[:at], re.MULTILINE | re.DOTALL)
    return match[0] if match else ""


def find_type(text: str, name: str) -> re.Match[str]:
    """The definition of a struct or enum."""
    found = list(re.finditer(rf"^{re.escape(name)} {{[^\n]*\n.*?^}}[^\n]*;\n", text, re.MULTILINE | re.DOTALL))
    if len(found) != 1:
        raise ValueError(f"{name} is defined {len(found)} times, expected once")
    return found[0]


def lab_of(file: str, function: str) -> int | None:
    """The number of the lab that takes this function out of the sources, if one does."""
    for path in sorted((TREE / LABS).iterdir()):
        lab = read_lab(path)
        if any(write.file == file and function in write.functions for write in lab.writes):
            return lab.number
    return None


def code_of(file: str, name: str) -> str:
    """The code of that name in a file of the tree. ValueError where it is not."""
    path = TREE / file
    if not path.is_file():
        raise ValueError(f"there is no {file}")
    text = path.read_text()
    try:
        match = find_type(text, name) if " " in name else find_function(text, name)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    code = match[0]
    lab = None if " " in name else lab_of(file, name)
    if lab is not None:
        head = text[match.start() : match.start("body")]
        code = f"{head}    ... lab {lab} asks for this ...\n}}\n"
    return comment_before(text, match.start()) + code


class CodeOf(SphinxDirective):
    """The directive `code-of FILE NAME`."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        file, _, name = self.arguments[0].partition(" ")
        try:
            code = code_of(file, name)
        except ValueError as error:
            raise self.error(str(error)) from error
        self.env.note_dependency(str(TREE / file))
        block = nodes.literal_block(code, code, language="c")
        return [container_wrapper(self, block, file)]


def leave_unlinked(app: Sphinx, env: Any, node: nodes.Element, text: nodes.Element) -> nodes.Element | None:
    """A link to a file that is in the tree and not in the book: its text alone. Any other one is a warning."""
    target = node.get("reftarget", "").partition("#")[0]
    folder = (Path(app.srcdir) / env.doc2path(node["refdoc"])).parent
    candidates = [folder / target, TREE / target, TREE / f"{target}.md"]
    return text if target and any(path.exists() for path in candidates) else None


def unlink_downloads(app: Sphinx, tree: nodes.document) -> None:
    """Links to sources stay text: a book that is read offline has no tree beside it."""
    for node in list(tree.findall(download_reference)):
        node.replace_self(node.children)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("code-of", CodeOf)
    app.connect("missing-reference", leave_unlinked)
    app.connect("doctree-read", unlink_downloads)
    return {"version": "1", "parallel_read_safe": True}

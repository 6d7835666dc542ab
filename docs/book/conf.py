# SPDX-License-Identifier: BSD-2-Clause
"""The booklet for Sphinx, which tools/book runs in the root of the tree: pages are taken from where they are.

Only these pages are in the book. A link to anything else of the tree is shown as its text.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "tools")]

project = "Tide: memory that comes and goes"
author = "the authors of Tide"
language = "en"

extensions = ["myst_parser", "tide_book"]
root_doc = "docs/book/index"
include_patterns = ["docs/book/*.md", "docs/virtqueue.md", "docs/debugging.md", "docs/glossary.md", "course/labs/*/README.md"]
exclude_patterns = [".*", "build", "tests", "tools"]
myst_heading_anchors = 3
highlight_language = "none"
smartquotes = False

html_title = project
html_show_sourcelink = False
html_copy_source = False
if tags.has("print"):  # noqa: F821 (Sphinx's own)
    html_theme = "print"
    html_permalinks = False
    html_theme_path = ["."]
else:
    html_theme = "alabaster"
    html_static_path = ["static"]
    html_css_files = ["book.css"]
    html_sidebars = {"**": ["globaltoc.html", "searchbox.html"]}
    html_theme_options = {"page_width": "70rem", "sidebar_width": "17rem", "font_family": "sans-serif", "code_font_size": "0.8em",
                          "show_powered_by": False}

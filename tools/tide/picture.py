# SPDX-License-Identifier: BSD-2-Clause
"""A region of memory as one line of a terminal, from the guest's `map`."""

from rich.console import Console
from rich.text import Text

# The guest's cell -> what a terminal with Unicode shows, its style, its meaning.
_CELLS = {
    ".": ("·", "bright_black", "unplugged"),
    "-": ("░", "green", "plugged, free"),
    "+": ("▒", "yellow", "partly used"),
    "#": ("█", "bright_blue", "full"),
    ":": ("╌", "magenta", "some plugged"),
}


def _glyph(cell: str, console: Console) -> str:
    plain = not console.is_terminal or console.encoding.lower() not in ("utf-8", "utf8")
    return cell if plain or cell not in _CELLS else _CELLS[cell][0]


def region_picture(cells: str, console: Console) -> Text:
    """The map's characters, coloured where the console has colours."""
    picture = Text("▕" if console.is_terminal else "[", style="bright_black")
    for cell in cells:
        picture.append(_glyph(cell, console), style=_CELLS.get(cell, ("", "", ""))[1])
    return picture.append("▏" if console.is_terminal else "]", style="bright_black")


def legend(console: Console) -> Text:
    """What the characters mean."""
    text = Text()
    for cell, (_, style, meaning) in _CELLS.items():
        text.append(_glyph(cell, console), style=style).append(f" {meaning}   ", style="bright_black")
    return text

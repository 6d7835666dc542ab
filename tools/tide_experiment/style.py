# SPDX-License-Identifier: BSD-2-Clause
"""How pictures look: names and units, colours, markers, widths. Nothing here knows matplotlib.

The colours of systems are those of Okabe and Ito, with a brown for their yellow, which is too pale for
lines; those of a swept key's values are a ramp from dark to light. DARK gives each colour its partner on a
dark page. tests/tools/test_pictures.py holds all of them to what colour-blind people can tell apart.
"""

import re
from dataclasses import dataclass

MECHANISMS = ("virtio-mem", "balloon", "reporting", "virtio-mem+reporting")
GUESTS = {"tide": "Tide", "linux": "Linux"}
FORMATS = ("svg", "pdf", "pgf")
GENERIC_FONTS = ("serif", "sans-serif", "monospace")

INK, SOFT, GRID, SHADE, PAPER = "#17202b", "#5b6775", "#e3e7ec", "#f1f3f6", "#fffffe"


@dataclass(frozen=True)
class Mark:
    """How one system or one swept value is told apart: colour, marker and the style of its line."""

    colour: str
    marker: str
    line: str = "-"


# One mark for each guest and mechanism, so that a reader learns them once for all pictures.
SYSTEMS = {
    ("tide", "virtio-mem"): Mark("#0072b2", "o"),
    ("linux", "virtio-mem"): Mark("#d55e00", "s", "--"),
    ("tide", "balloon"): Mark("#56b4e9", "^"),
    ("linux", "balloon"): Mark("#e69f00", "v", "--"),
    ("tide", "reporting"): Mark("#009e73", "D"),
    ("linux", "reporting"): Mark("#cc79a7", "P", "--"),
    ("tide", "virtio-mem+reporting"): Mark("#000000", "X"),
    ("linux", "virtio-mem+reporting"): Mark("#5a2e08", "*", "--"),
}
VALUES = (
    Mark("#440154", "o"), Mark("#404387", "s"), Mark("#29788e", "^"),
    Mark("#22a784", "D"), Mark("#79d151", "v"), Mark("#c2b010", "P"),
)  # fmt: skip
BLOCKS = ("#eceff3", "#d3e9f8", "#9fcbe8", "#8fc0e2", "#7fb5dc", "#6faad6", "#5f9fd0", "#4f95ca", "#3f8ac3",
          "#2f7fbd", "#0a3263")  # fmt: skip

# What stands in for each colour on a dark page.
DARK = {
    INK: "#e6ebf0", SOFT: "#a3afbb", GRID: "#2b343e", SHADE: "#20282f", PAPER: "#1a2129", "#000000": "#ffffff",
    "#0072b2": "#1f7fd7", "#d55e00": "#ea6704", "#56b4e9": "#abc6f2", "#e69f00": "#ffcf0a", "#009e73": "#1defa0",
    "#cc79a7": "#b95587", "#5a2e08": "#997752", "#440154": "#b243ff", "#404387": "#6f73be", "#29788e": "#3aaba6",
    "#22a784": "#55ffc0", "#79d151": "#b6f080", "#c2b010": "#ffe206",
}  # fmt: skip


def mark(guest: str, mechanism: str, number: int = 0) -> Mark:
    """The mark of a system; a guest with a name of its own takes the next by its number."""
    return SYSTEMS.get((guest, mechanism)) or list(SYSTEMS.values())[number % len(SYSTEMS)]


def value_mark(rank: int, count: int) -> Mark:
    """The mark of a swept value: its place among `count`, spread over the ramp as far as it reaches."""
    if count > len(VALUES):
        return VALUES[rank % len(VALUES)]
    return VALUES[round(rank * (len(VALUES) - 1) / max(count - 1, 1))]


# ---- what keys are called on an axis: words, and the unit unless the ticks have it ----

KEY_NAMES = {
    "workload.size": "Size of the workload",
    "workload.kind": "Workload",
    "policy.kind": "Policy",
    "policy.period": "Time between two decisions",
    "policy.timeout": "Time that an answer may take",
    "host.memory": "Memory that the guests share",
    "cpus": "Virtual processors (count)",
    "memory": "Boot memory",
    "size": "Size of the device",
    "node": "NUMA node (number)",
    "disk": "Size of the disk",
    "block": "Block size of the device",
    "requested": "Requested size",
    "timeout": "Time to settle before giving up",
    "hold": "Time before the next step",
    "chunk": "Size of one allocation",
    "occupancy": "Memory that stays in use (% of what was filled)",
    "movable": "Memory that can be moved (% of what is held)",
    "refuse": "Movable memory whose owner refuses (%)",
    "tick": "Time between two ticks of the workload",
    "ticks": "Length of the workload (ticks)",
    "low": "Least that the workload holds",
    "period": "Period of the workload (ticks)",
    "life": "Longest life of a function (ticks)",
    "function": "Most that a function holds",
    "interval": "Time between two samples of the host",
    "guest_interval": "Time between two samples of the guest",
    "speed": "Speed of the trace (times its own)",
    "stale": "Age from which statistics are stale",
    "least": "Least memory of the guest",
    "most": "Most memory of the guest",
    "grow_below": "Unused memory below which the guest grows (%)",
    "shrink_above": "Unused memory above which the guest shrinks (%)",
    "step": "Most that one decision changes",
    "pressure": "Free memory of the host below which guests shrink (%)",
    "critical": "Free memory of the host that is critical (%)",
    "reserve_share": "Memory that a guest keeps unused (%)",
    "change": "Most that one decision changes (%)",
    "smallest": "Least that a change must be worth (%)",
    "reserve": "Memory beyond what is used",
    "slack": "More than used and reserve that is left",
    "quiet": "Time without growth before shrinking",
    "doubt": "Good readings before shrinking again (count)",
}
_INDEX = re.compile(r"^(device|step|guest)\.(\d+)\.")


def key_name(key: str) -> str:
    """ "workload.chunk" -> "Size of one allocation"; a table's number stays: ", step 2"."""
    last = key.rpartition(".")[2]
    name = KEY_NAMES.get(key) or KEY_NAMES.get(last) or last.replace("_", " ").capitalize()
    numbered = _INDEX.match(key)
    return f"{name}, {numbered[1]} {numbered[2]}" if numbered else name


def short_key(key: str) -> str:
    """A key within a few words: "workload.guest_interval" -> "guest interval"."""
    return key.rpartition(".")[2].replace("_", " ")


# ---- what a person sets ----

COLUMN_WIDTHS = {"single": 3.4, "double": 7.0}  # inches, of a page with two columns
_WIDTH = re.compile(r"(\d+(?:\.\d+)?)\s*(mm|cm|in|pt)")
_INCHES = {"mm": 1 / 25.4, "cm": 1 / 2.54, "in": 1.0, "pt": 1 / 72.27}
WIDTH_EXPECTED = 'expected "single", "double" or 50mm to 600mm, as in 84mm, 8.4cm, 3.3in or 240pt'


def parse_width(text: str) -> float:
    """The inches that `text` names."""
    match = _WIDTH.fullmatch(text.strip())
    inches = COLUMN_WIDTHS.get(text) or (float(match[1]) * _INCHES[match[2]] if match else 0.0)
    if not 50 / 25.4 <= inches <= 600 / 25.4:
        raise ValueError(f"'{text}' is not a width; {WIDTH_EXPECTED}")
    return inches


def parse_points(text: str) -> float:
    """A font size in points, from 4 to 24."""
    try:
        points = float(text)
    except ValueError:
        points = 0.0
    if not 4 <= points <= 24:
        raise ValueError(f"'{text}' is not a font size; expected 4 to 24 points")
    return points


def parse_formats(text: str) -> tuple[str, ...]:
    """ "svg,pdf" -> ("svg", "pdf")."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    wrong = [name for name in names if name not in FORMATS]
    if wrong:
        raise ValueError(f"'{wrong[0]}' is not a format of pictures; expected some of {', '.join(FORMATS)}")
    return names


@dataclass(frozen=True)
class Look:
    """Width in inches, font and its size in points, and the files that are written."""

    width: float = COLUMN_WIDTHS["double"]
    font: str = "sans-serif"
    font_size: float = 8.0
    formats: tuple[str, ...] = FORMATS

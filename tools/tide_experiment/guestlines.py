# SPDX-License-Identifier: BSD-2-Clause
"""The machine-readable lines of the guests: `occupancy` and `workload`.

Tide's monitor and the program in the Linux guest print the same lines. A line
that is cut off or garbled is left out and counted, never guessed at.
"""

import re
from dataclasses import dataclass, field

_PAIR = re.compile(r"(\w+)=(\S+)")
_RUN = re.compile(r"(\d+)([A-Huef])")
_LINE = re.compile(r"^(?:\w+> )*(occupancy|workload): (.*)$")

LETTERS = "ueABCDEFGHf"


class Garbled(ValueError):
    """A line that does not hold together."""


@dataclass(frozen=True)
class Occupancy:
    """One region: `runs` is its blocks in order, run-length coded, as in "12u4e1c7f".

    u unplugged, e empty, A to H partly used (A: up to one eighth, H: more than
    seven), f full.
    """

    device: str
    base: int
    block: int
    blocks: int
    runs: str
    used: int
    plugged: int | None = None
    requested: int | None = None
    usable: int | None = None


@dataclass(frozen=True)
class Total:
    """The guest's memory in all, in bytes."""

    boot: int
    boot_used: int
    plugged: int
    plugged_used: int
    pages_moved: int | None = None  # since the guest started, where it counts them


@dataclass(frozen=True)
class Workload:
    """How the workload stands."""

    state: str
    tick: int
    held: int
    target: int
    allocs: int
    frees: int
    denied: int
    checked: int
    moved: int | None = None  # chunks that the guest moved out of blocks since the start


@dataclass(frozen=True)
class Fault:
    """A page with the wrong content."""

    text: str


@dataclass
class View:
    """What a stretch of text tells: the last of each kind, and every fault."""

    occupancy: dict[str, Occupancy] = field(default_factory=dict)
    total: Total | None = None
    workload: Workload | None = None
    done: dict[str, str] | None = None
    faults: list[Fault] = field(default_factory=list)
    garbled: list[str] = field(default_factory=list)


def expand(runs: str) -> str:
    """ "3u1f" -> "uuuf"."""
    return "".join(letter * int(count) for count, letter in split_runs(runs))


def split_runs(runs: str) -> list[tuple[int, str]]:
    """ "3u1f" -> [(3, "u"), (1, "f")]; Garbled if anything else stands in it."""
    found = _RUN.findall(runs)
    if "".join(count + letter for count, letter in found) != runs:
        raise Garbled(f"runs={runs}")
    return [(int(count), letter) for count, letter in found]


def _numbers(cls: type, pairs: dict[str, str]) -> dict[str, int]:
    wanted = [name for name, kind in cls.__annotations__.items() if kind is int]
    return {name: int(pairs[name], 0) for name in wanted}


def _optional(pairs: dict[str, str], name: str) -> int | None:
    return int(pairs[name], 0) if name in pairs else None


def _occupancy(rest: str, view: View) -> None:
    device, _, keys = rest.partition(" ")
    pairs = dict(_PAIR.findall(keys))
    if device == "total":
        view.total = Total(**_numbers(Total, pairs), pages_moved=_optional(pairs, "pages_moved"))
        return
    one = Occupancy(
        device, runs=pairs["runs"], **_numbers(Occupancy, pairs),
        plugged=_optional(pairs, "plugged"), requested=_optional(pairs, "requested"),
        usable=_optional(pairs, "usable"),
    )  # fmt: skip
    if sum(count for count, _ in split_runs(one.runs)) != one.blocks:
        raise Garbled(f"{one.runs} are not {one.blocks} blocks")
    view.occupancy[device] = one


def _workload(rest: str, view: View) -> None:
    pairs = dict(_PAIR.findall(rest))
    if rest.startswith("error "):
        view.faults.append(Fault(rest))
    elif rest.startswith("done "):
        view.done = pairs
    else:
        view.workload = Workload(state=pairs["state"], moved=_optional(pairs, "moved"),
                                 **_numbers(Workload, pairs))  # fmt: skip


def parse(text: str) -> View:
    """Read the lines of a text. A last line without its end is taken as cut off."""
    view = View()
    lines = text.split("\n")
    for number, line in enumerate(lines):
        match = _LINE.match(line)
        if not match:
            continue
        try:
            if number == len(lines) - 1:
                raise Garbled("cut off")
            (_occupancy if match[1] == "occupancy" else _workload)(match[2], view)
        except (KeyError, ValueError):
            view.garbled.append(line)
    return view

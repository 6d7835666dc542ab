# SPDX-License-Identifier: BSD-2-Clause
"""What the pictures over time show, as data: sizes and resident memory, and the map of every block.

All systems of a variant stand on one time axis, each in its own colour.
"""

import re
from dataclasses import dataclass

from . import guestlines
from .pictures import binary, caption, system_name
from .results import Experiment, RunResult, unique
from .style import Mark, mark, value_mark

_TOGETHER = re.compile(r"(guest|(.*\.)?mechanism)=")
MAP_ROWS = 512  # of one device; with more blocks a row is several


@dataclass
class Curve:
    """A value that holds from its time until the next. `first` of several repetitions is drawn thick."""

    name: str
    mark: Mark
    times: list[float]
    values: list[float]
    first: bool = True
    requested: bool = False


@dataclass
class Strip:
    """One quantity of all systems, in bytes."""

    title: str
    curves: list[Curve]


@dataclass
class Timeline:
    name: str
    variant: str
    strips: list[Strip]
    spans: list[tuple[float, float, str]]  # the steps, where a single system ran
    note: str
    caption: str


@dataclass
class BlockMap:
    """A device's blocks: a column for each sample, of indices into guestlines.LETTERS from the lowest address."""

    title: str
    edges: list[float]
    columns: list[list[int]]
    bytes: int


@dataclass
class MapPicture:
    name: str
    variant: str
    maps: list[BlockMap]
    note: str
    caption: str


def file_name(kind: str, variant: str, alone: bool) -> str:
    """ "steps", or "steps-workload.occupancy=5" where there are several variants."""
    return kind if alone else f"{kind}-{re.sub(r'[^A-Za-z0-9.=]+', '-', variant).strip('-')}"


def variant_of(run: RunResult) -> str:
    """The run's variant but for its mechanism, and its name among several guests: these stand on one time axis."""
    return ",".join(part for part in run.variant.split(",") if not _TOGETHER.match(part))


def variants(experiment: Experiment) -> list[str]:
    """What has pictures over time of its own."""
    return unique(variant_of(run) for run in experiment.runs)


def pictures_over_time(experiment: Experiment, variant: str) -> list[Timeline | MapPicture]:
    """The two pictures of one variant, as far as its runs left samples."""
    runs = [run for run in experiment.runs if variant_of(run) == variant and run.series]
    made = [_timeline(experiment, runs, variant), _map_picture(experiment, runs, variant)]
    return [picture for picture in made if picture]


System = tuple[str, str, str]  # guest, mechanism, and its name where several guests ran together


def _system(run: RunResult) -> System:
    return run.guest, run.mechanism, str(run.meta.get("keys", {}).get("guest", ""))


def _systems(experiment: Experiment, runs: list[RunResult]) -> dict[System, tuple[str, Mark]]:
    """Name and mark of each; guests that ran together have the marks of values."""
    alone = len({run.mechanism for run in experiment.runs}) == 1
    found = list(dict.fromkeys(_system(run) for run in runs))
    names = unique(name for _, _, name in found)
    systems = {}
    for index, (guest, mechanism, name) in enumerate(found):
        one = name and len({key[:2] for key in found}) == 1
        words = name if one else system_name(guest, mechanism, alone) + (f", {name}" if name else "")
        own = value_mark(names.index(name), len(names)) if len(names) > 1 else mark(guest, mechanism, index)
        systems[guest, mechanism, name] = (words, own)
    return systems


def _of_variant(variant: str) -> str:
    return f", with {variant.replace(',', ' and ').replace('=', ' = ')}" if variant else ""


# ---- sizes over time ----


def _sums(run: RunResult, column: str) -> tuple[list[float], list[float]]:
    """A column over time, summed over the devices; samples without it, or without a change, are left out."""
    sums: dict[float, float] = {}
    for row in run.series:
        if row.get(column) is not None:
            sums[row["time_s"]] = sums.get(row["time_s"], 0) + row[column]
    return _changes(sums)


def _resident(run: RunResult) -> tuple[list[float], list[float]]:
    return _changes({row["time_s"]: row["resident"] for row in run.series if row["resident"] is not None})


def _changes(values: dict[float, float]) -> tuple[list[float], list[float]]:
    times = list(values)
    kept = [time for index, time in enumerate(times)
            if index in (0, len(times) - 1) or values[time] != values[times[index - 1]]]  # fmt: skip
    return kept, [values[time] for time in kept]


def _timeline(experiment: Experiment, runs: list[RunResult], variant: str) -> Timeline | None:
    if not runs:
        return None
    known = _systems(experiment, runs)
    strips = [Strip("Requested and plugged", []), Strip("Used by the guest", []), Strip("Resident memory of QEMU", [])]
    seen: set[System] = set()
    for run in runs:
        key = _system(run)
        name, own = known[key]
        first = key not in seen
        seen.add(key)
        if first:
            strips[0].curves.append(Curve("requested", own, *_sums(run, "requested"), requested=True))
        for strip, data in zip(strips, (_sums(run, "size"), _sums(run, "guest_used"), _resident(run))):
            if data[0]:
                strip.curves.append(Curve(name, own, *data, first=first))
    most = max(sum(_system(run) == key for run in runs) for key in known)
    note = f"All n = {most} runs, the first thick" if most > 1 else "One run of each (n = 1)"
    spans = _spans(runs[0]) if len(known) == 1 else []
    shows = (f"Memory over time{_of_variant(variant)}: what the host requested (dotted) and what was plugged; "
             "what the guest used; what QEMU had resident. All on one time axis.")  # fmt: skip
    return Timeline(file_name("steps", variant, len(variants(experiment)) == 1), variant,
                    [strip for strip in strips if strip.curves], spans, note, caption(experiment, shows, note))  # fmt: skip


def _spans(run: RunResult) -> list[tuple[float, float, str]]:
    """Begin, end and label of each step."""
    labels = {row["step"]: str(row["label"] or "") for row in run.steps}
    begins: dict[int, float] = {}
    for row in run.series:
        begins.setdefault(row["step"], row["time_s"])
    ends = [*list(begins.values())[1:], run.series[-1]["time_s"]]
    return [(begin, end, labels.get(step, "")) for (step, begin), end in zip(begins.items(), ends)]


# ---- the map of blocks ----


def _map_picture(experiment: Experiment, runs: list[RunResult], variant: str) -> MapPicture | None:
    """The first run of each system."""
    known = _systems(experiment, runs)
    first: dict[System, RunResult] = {}
    for run in runs:
        first.setdefault(_system(run), run)
    maps = [one for key, run in first.items() for one in _maps(run, known[key][0])]
    if not maps:
        return None
    note = "The first run of each" if len(runs) > len(first) else ""
    shows = f"Every block over time{_of_variant(variant)}: time to the right, addresses upward."
    return MapPicture(file_name("map", variant, len(variants(experiment)) == 1), variant, maps, note,
                      caption(experiment, shows, note))  # fmt: skip


def _maps(run: RunResult, system: str) -> list[BlockMap]:
    blocks = {device["id"]: device["block"] for device in run.meta.get("devices", [])}
    devices = unique(row["device"] for row in run.series)
    maps = []
    for device in devices:
        samples = [(row["time_s"], str(row["blocks"])) for row in run.series
                   if row["device"] == device and row["blocks"] is not None]  # fmt: skip
        if len(samples) < 2:
            continue
        columns = [_column(runs) for _, runs in samples]
        size = blocks.get(device, 0) * sum(count for count, _ in guestlines.split_runs(samples[0][1]))
        title = system if len(devices) == 1 else f"{system}, {device}"
        title += f" (blocks of {binary(blocks[device])})" if device in blocks else ""
        end = max(float(run.series[-1]["time_s"]), samples[-1][0] + 1e-3)
        maps.append(BlockMap(title, [time for time, _ in samples] + [end], columns, size))
    return maps


def _column(runs: str) -> list[int]:
    """The states from the lowest address; where a row is several blocks, the fullest of them."""
    states = [guestlines.LETTERS.index(letter) for letter in guestlines.expand(runs)]
    rows = min(len(states), MAP_ROWS)
    return [max(states[row * len(states) // rows : max((row + 1) * len(states) // rows, 1)]) for row in range(rows)]

# SPDX-License-Identifier: BSD-2-Clause
"""A resize experiment as one TOML file: its model, and the checker.

read() gives the experiment or raises ScenarioError with every problem found,
each with its file, line, what stands there and what is allowed.
"""

import copy
import itertools
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tide.units import GIB, KIB, MIB, format_size

from . import schema, toml_lines
from .schema import Key
from .toml_lines import line_of, locate

GUESTS = ("tide", "linux")

TOP = {
    "title": Key(schema.text(), ..., "one line that names the experiment"),
    "about": Key(schema.text(), "", "what it shows, and which result to expect"),
    "guest": Key(schema.choice(*GUESTS), "tide", "what runs in the machine"),
    "repetitions": Key(schema.integer(1, 1000), 1, "how often each variant runs with each seed"),
    "seed": Key(schema.integer(0, 2**63 - 1), 1, "what the workload's random choices start from"),
    "seeds": Key(schema.integers(0, 2**63 - 1), None, "several seeds, instead of one"),
}
MACHINE = {
    "memory": Key(schema.size(16 * MIB, MIB), 256 * MIB, "boot RAM"),
    "cpus": Key(schema.integer(1, 64), 1, "virtual processors"),
    "type": Key(schema.qemu_name("-machine"), "q35", "QEMU's machine type with its options, as in \"pc,acpi=off\""),
    "cpu": Key(schema.qemu_name("-cpu"), "qemu64", "QEMU's processor model"),
}
DEVICE = {
    "size": Key(schema.size(MIB), 1 * GIB, "the region: what can be plugged at most"),
    "block": Key(schema.size(MIB, power=True), 2 * MIB, "the device's block size"),
    "requested": Key(schema.size(0), 0, "requested-size when the machine starts"),
    "backend": Key(schema.choice("ram", "memfd", "file"), "ram", "QEMU's memory backend"),
    "reserve": Key(schema.boolean(), True, "whether the host reserves the backend's memory"),
    "node": Key(schema.integer(0, 7), None, "the NUMA node of the device"),
}
STEP = {
    "label": Key(schema.text(), "", "a name for the step in tables and pictures"),
    "requested": Key(None, None, "requested-size: a size for every device, or {vmem0 = \"1G\", ...}"),
    "workload": Key(schema.choice("start", "wait", "stop"), None,
                    "start the workload, wait until it is done, or stop it and free its memory"),
    "migration": Key(schema.choice("start", "cancel"), None,
                     "start a migration that goes on (the device answers BUSY), or end it"),
    "until": Key(schema.choice("settled", "time"), "settled",
                 "the step ends once every device has what is requested, or after `hold` alone"),
    "hold": Key(schema.duration(), 0.0, "how long to stay (after settling, if that is waited for)"),
    "timeout": Key(schema.duration(), 30.0, "how long to wait for settling; then the step counts as not settled"),
}  # fmt: skip
RECORD = {
    "interval": Key(schema.duration(), 0.1, "between two samples of the host's view"),
    "guest_interval": Key(schema.duration(), 0.5, "between two samples of the guest's view and its map"),
    "instructions": Key(schema.boolean(), True, "count guest instructions (by a TCG plugin)"),
}
LINUX = {
    "init_on_alloc": Key(schema.boolean(), False, "Linux clears pages as it gives them out"),
    "memhp_default_state": Key(
        schema.choice("online_movable", "online", "online_kernel", "offline"),
        "online_movable", "how Linux takes new memory"),
    "append": Key(schema.text(), "", "more of Linux's command line"),
}  # fmt: skip

_SIZE = Key(schema.size(4 * KIB, 4 * KIB), ..., "how much memory it holds at most")
_CHUNK = Key(schema.size(4 * KIB, 4 * KIB), 64 * KIB, "the size of one allocation")
_TICK = Key(schema.duration(), 0.01, "the time between two of the workload's ticks")
_TICKS = Key(schema.integer(1, 10**9), 100, "how many ticks it runs")
_COMMON = {
    "size": _SIZE, "chunk": _CHUNK, "tick": _TICK,
    "movable": Key(schema.integer(0, 100), 0, "percent of the chunks that Tide may move out of blocks"),
    "refuse": Key(schema.integer(0, 100), 0, "percent of those that do not let themselves be moved"),
}  # fmt: skip
_MOVABLE_MAX = 2 * MIB
WORKLOADS: dict[str, dict[str, Key]] = {
    "steady": _COMMON,
    "ramp": _COMMON | {
        "low": Key(schema.size(0, 4 * KIB), 0, "what it holds at the first tick"),
        "ticks": _TICKS,
    },
    "sawtooth": _COMMON | {
        "low": Key(schema.size(0, 4 * KIB), 0, "what it holds between two teeth"),
        "period": Key(schema.integer(2, 10**6), 20, "the ticks of one tooth, up and down"),
        "ticks": _TICKS,
    },
    "bursts": _COMMON | {
        "function": Key(schema.size(4 * KIB, 4 * KIB), 32 * MIB, "what one function holds at most"),
        "life": Key(schema.integer(1, 10**6), 20, "how many ticks a function lives at most"),
        "ticks": _TICKS,
    },
    "random": _COMMON | {
        "occupancy": Key(schema.integer(0, 100), 50,
                         "percent of `size` that stays held, at places chosen by the seed"),
        "ticks": Key(schema.integer(0, 10**9), 0, "how many ticks of freeing and allocating follow"),
    },
    "verify": _COMMON | {"ticks": Key(schema.integer(1, 10**9), 2, "how many rounds of fill and verify")},
}  # fmt: skip
TABLES = {"machine": MACHINE, "record": RECORD, "linux": LINUX}


@dataclass
class Problem:
    """One mistake in a scenario."""

    file: str
    line: int
    found: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.found}\n    allowed: {self.allowed}"


class ScenarioError(Exception):
    """The problems of one file."""

    def __init__(self, problems: list[Problem]):
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass
class Step:
    """One step of the schedule; `requested` has an entry for each device that is asked."""

    label: str
    requested: dict[str, int]
    workload: str | None
    migration: str | None
    until: str
    hold: float
    timeout: float


@dataclass
class Variant:
    """One point of the sweep: all that one run needs but for its seed."""

    name: str  # "" without a sweep, else "workload.occupancy=50"
    keys: dict[str, Any]  # the swept keys as written
    guest: str
    machine: dict[str, Any]
    devices: list[dict[str, Any]]
    workload: dict[str, Any] | None
    steps: list[Step]
    record: dict[str, Any]
    linux: dict[str, Any]


@dataclass
class Scenario:
    """A checked file."""

    path: Path
    name: str
    text: str
    title: str
    about: str
    guest: str
    repetitions: int
    seeds: list[int]
    variants: list[Variant] = field(default_factory=list)


class _Checker:
    def __init__(self, file: str, lines: dict[toml_lines.Path, int]):
        self.file = file
        self.lines = lines
        self.problems: list[Problem] = []
        self.swept: dict[toml_lines.Path, int] = {}  # paths whose value a sweep set, and its line

    def problem(self, path: toml_lines.Path, found: str, allowed: str) -> None:
        line = self.swept.get(path) or line_of(self.lines, path)
        problem = Problem(self.file, line, found, allowed)
        if problem not in self.problems:
            self.problems.append(problem)

    def value(self, path: toml_lines.Path, kind: schema.Kind, value: Any) -> Any:
        try:
            return kind.read(value)
        except schema.Refused:
            self.problem(path, f"{_dotted(path)} = {_toml(value)}", kind.allowed)
            return None

    def table(self, path: toml_lines.Path, keys: dict[str, Key], given: Any) -> dict[str, Any]:
        """Every key of the table with its value or default; a key whose kind is None is left as it is."""
        result = {name: copy.copy(key.default) for name, key in keys.items()}
        where = f"[{_dotted(path)}]" if path else "the top of the file"
        if not isinstance(given, dict):
            self.problem(path, _found(path, given), f"a table [{_dotted(path)}]: {', '.join(keys)}")
            return {name: None if value is ... else value for name, value in result.items()}
        for name, value in given.items():
            if name not in keys:
                hint = schema.nearest(name, list(keys))
                self.problem((*path, name), f"unknown key '{name}' in {where}{hint}", ", ".join(keys))
            elif keys[name].kind is None:
                result[name] = value
            else:
                result[name] = self.value((*path, name), keys[name].kind, value)
        for name, value in result.items():
            if value is ...:
                result[name] = None
                self.problem(path, f"'{name}' is missing in {where}", f"{name} = {keys[name].kind.allowed}")
        return result

    # ---- the parts ----

    def devices(self, given: Any) -> list[dict[str, Any]]:
        if not isinstance(given, list) or not given or len(given) > 16:
            found = _found(("device",), given) if given else "no [[device]]"
            self.problem(("device",), found, "1 to 16 tables [[device]], named vmem0, vmem1, ... in order")
            return []
        devices = []
        for index, one in enumerate(given):
            path = ("device", index)
            device = self.table(path, DEVICE, one)
            device["id"] = f"vmem{index}"
            devices.append(device)
            size, block = device["size"], device["block"]
            if size and block and size % block:
                self.problem((*path, "size"), f"size = {_toml(one.get('size', size))} with blocks of "
                             f"{format_size(block)}", "a multiple of the block size")  # fmt: skip
            self.requested((*path, "requested"), device["requested"], device)
        return devices

    def requested(self, path: toml_lines.Path, value: int | None, device: dict[str, Any]) -> None:
        """A requested-size must suit its device."""
        size, block = device["size"], device["block"]
        if None in (value, size, block):
            return
        if value % block or value > size:
            self.problem(path, f"requested = {format_size(value)} for {device['id']}",
                         f"0 to {format_size(size)} in multiples of {format_size(block)}")  # fmt: skip

    def workload(self, given: Any) -> dict[str, Any] | None:
        if given is None:
            return None
        if not isinstance(given, dict):
            self.problem(("workload",), _found(("workload",), given), 'a table [workload] with its kind: kind = "steady"')
            return None
        kind = given.get("kind")
        if kind not in WORKLOADS:
            found = f"workload.kind = {_toml(kind)}" if kind is not None else "'kind' is missing in [workload]"
            self.problem(("workload", "kind"), found, schema.choice(*WORKLOADS).allowed)
            return None
        rest = {name: value for name, value in given.items() if name != "kind"}
        workload = {"kind": kind} | self.table(("workload",), WORKLOADS[kind], rest)
        size, chunk = workload["size"], workload["chunk"]
        if size and chunk and chunk > size:
            self.problem(("workload", "chunk"), f"chunk = {format_size(chunk)}",
                         f"at most the workload's size, {format_size(size)}")  # fmt: skip
        if workload["movable"] and chunk and (chunk & (chunk - 1) or chunk > _MOVABLE_MAX):
            self.problem(("workload", "chunk"), f"chunk = {format_size(chunk)} with movable = {workload['movable']}",
                         f"a power of two up to {format_size(_MOVABLE_MAX)}")  # fmt: skip
        if size and workload.get("low") and workload["low"] > size:
            self.problem(("workload", "low"), f"low = {format_size(workload['low'])}",
                         f"at most the workload's size, {format_size(size)}")  # fmt: skip
        return workload

    def step(self, index: int, one: Any, devices: list[dict[str, Any]], has_workload: bool) -> Step:
        path = ("step", index)
        step = self.table(path, STEP, one)
        wanted: dict[str, int] = {}
        given = step["requested"]
        by_id = {device["id"]: device for device in devices}
        if given is not None:
            each = given if isinstance(given, dict) else dict.fromkeys(by_id, given)
            for name, value in each.items():
                if name not in by_id:
                    self.problem((*path, "requested"), f"unknown device '{name}'", ", ".join(by_id))
                    continue
                number = self.value((*path, "requested"), schema.size(0), value)
                if number is not None:
                    self.requested((*path, "requested"), number, by_id[name])
                    wanted[name] = number
        if step["workload"] and not has_workload:
            self.problem((*path, "workload"), f"workload = {_toml(step['workload'])} without a [workload]",
                         "a table [workload] with the kind of workload")  # fmt: skip
        if step["until"] == "time" and not step["hold"]:
            self.problem((*path, "until"), 'until = "time" without a time', 'hold = "2s" beside it')
        if not (given or step["workload"] or step["migration"] or step["hold"]):
            self.problem(path, "a [[step]] that does nothing", "requested, workload, migration or hold in it")
        return Step(step["label"] or "", wanted, step["workload"], step["migration"],
                    step["until"] or "settled", step["hold"] or 0.0, step["timeout"] or 30.0)  # fmt: skip

    def order(self, schedule: list[Step], key: str, end: str) -> None:
        """A workload or migration is started before anything else is done with it, and once at a time."""
        there = False
        for index, step in enumerate(schedule):
            value = getattr(step, key)
            if value == "start" and there:
                self.problem(("step", index, key), f'{key} = "start" while one is there', f'{key} = "{end}" before it')
            elif value not in (None, "start") and not there:
                self.problem(("step", index, key), f'{key} = "{value}" without a start before it',
                             f'{key} = "start" in a step before')  # fmt: skip
            there = value == "start" or (there and value != end)

    def variant(self, data: dict[str, Any], name: str, keys: dict[str, Any], guest: str) -> Variant:
        tables = {part: self.table((part,), spec, data.get(part, {})) for part, spec in TABLES.items()}
        devices = self.devices(data.get("device"))
        workload = self.workload(data.get("workload"))
        steps = data.get("step")
        if not isinstance(steps, list) or not steps:
            found = _found(("step",), steps) if steps else "no [[step]]"
            self.problem(("step",), found, "one table [[step]] or more: the schedule, in order")
            steps = []
        has_workload = data.get("workload") is not None
        schedule = [self.step(i, one, devices, has_workload) for i, one in enumerate(steps)]
        if workload and not any(step.workload for step in schedule) and schedule:
            schedule[min(1, len(schedule) - 1)].workload = "start"
        self.order(schedule, "workload", "stop")
        self.order(schedule, "migration", "cancel")
        return Variant(name, keys, guest, tables["machine"], devices, workload, schedule,
                       tables["record"], tables["linux"])  # fmt: skip

    def sweep_values(self, given: Any) -> dict[str, list[Any]]:
        values: dict[str, list[Any]] = {}
        if not isinstance(given, dict):
            self.problem(("sweep",), _found(("sweep",), given), 'a table: "device.block" = ["2M", "4M"]')
            return values
        for key, listed in given.items():
            if not isinstance(listed, list) or not listed:
                self.problem(("sweep", key), f'"{key}" = {_toml(listed)}', "a list with one value or more")
            else:
                values[key] = listed
        return values


def _dotted(path: toml_lines.Path) -> str:
    return ".".join(str(part) for part in path)


def _found(path: toml_lines.Path, given: Any) -> str:
    """What stands where another kind of table is expected, as its author wrote it."""
    if isinstance(given, dict):
        return f"[{_dotted(path)}], one table"
    if isinstance(given, list) and given and all(isinstance(one, dict) for one in given):
        return f"{len(given)} tables [[{_dotted(path)}]]"
    return f"{_dotted(path)} = {_toml(given)}"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return str(value)


def _set_key(data: dict[str, Any], key: str, value: Any) -> list[toml_lines.Path]:
    """Set a dotted key: "machine.memory", "device.0.block", or "device.block" in every device.

    The paths that were set; none where the key leads nowhere.
    """
    parts = key.split(".")
    places: list[tuple[toml_lines.Path, Any]] = [((), data)]
    for part in parts[:-1]:
        inner: list[tuple[toml_lines.Path, Any]] = []
        for path, place in places:
            if isinstance(place, list):
                if part.isdigit() and int(part) < len(place):
                    inner.append(((*path, int(part)), place[int(part)]))
            elif isinstance(place, dict):
                default: Any = {}
                inner.append(((*path, part), place.setdefault(part, default)))
        listed = [(p, v) for p, v in inner if isinstance(v, list) and not _next_is_index(parts, p)]
        inner = [(p, v) for p, v in inner if (p, v) not in listed]
        inner += [((*p, i), item) for p, v in listed for i, item in enumerate(v)]
        places = inner
    paths = []
    for path, place in places:
        if isinstance(place, dict):
            place[parts[-1]] = value
            paths.append((*path, parts[-1]))
    return paths


def _next_is_index(parts: list[str], path: toml_lines.Path) -> bool:
    return len(parts) > len(path) and parts[len(path)].isdigit()


_SWEEPABLE = ", ".join(
    [f"machine.{k}" for k in MACHINE] + [f"device.{k}" for k in DEVICE]
    + ["device.0.block", "workload.KEY", "step.0.requested", "linux.init_on_alloc", "record.interval"]
)  # fmt: skip
_SWEEP_ROOTS = ("machine", "device", "workload", "step", "linux", "record")


def _check(checker: _Checker, path: Path, text: str, data: dict[str, Any], guest: str | None) -> Scenario:
    parts = ("device", "workload", "step", "sweep", *TABLES)
    top = checker.table((), TOP | {part: Key(None, None, "") for part in parts}, data)
    seeds = [top["seed"] or 0] if top["seeds"] is None else top["seeds"]
    scenario = Scenario(path, path.stem, text, top["title"] or "", top["about"] or "",
                        guest or top["guest"] or "tide", top["repetitions"] or 1, seeds)  # fmt: skip
    swept = checker.sweep_values(data.get("sweep", {}))
    for values in itertools.product(*swept.values()):
        keys = dict(zip(swept, values))
        varied = copy.deepcopy(data)
        checker.swept = {}
        for key, value in keys.items():
            paths = _set_key(varied, key, value) if key.split(".")[0] in _SWEEP_ROOTS else []
            if not paths:
                checker.problem(("sweep", key), f'"{key}" names no key that can be swept', _SWEEPABLE)
            checker.swept |= dict.fromkeys(paths, line_of(checker.lines, ("sweep", key)))
        name = ",".join(f"{key}={value}" for key, value in keys.items())
        scenario.variants.append(checker.variant(varied, name, keys, scenario.guest))
        if checker.problems:
            break
    return scenario


def read(path: Path, guest: str | None = None) -> Scenario:
    """Read and check a file; `guest` takes the place of the file's own. OSError if it cannot be read."""
    text = path.read_text()
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError([_syntax_problem(str(path), text, str(error))]) from error
    checker = _Checker(str(path), locate(text))
    scenario = _check(checker, path, text, data, guest)
    if checker.problems:
        raise ScenarioError(sorted(checker.problems, key=lambda problem: problem.line))
    return scenario


def _syntax_problem(file: str, text: str, message: str) -> Problem:
    """tomllib's words, with the line taken out of them ("... (at line 3, column 7)")."""
    words, _, place = message.rpartition(" (at ")
    line = len(text.splitlines()) or 1
    if place.startswith("line "):
        line = int(place.split()[1].rstrip(","))
    return Problem(file, line, words or message, "TOML: key = value, [table], [[table of a list]]")

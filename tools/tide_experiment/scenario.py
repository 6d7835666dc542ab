# SPDX-License-Identifier: BSD-2-Clause
"""A resize experiment as one TOML file: its model, and the checker.

read() gives the experiment or raises ScenarioError with every problem found,
each with its file, line, what stands there and what is allowed.
"""

import copy
import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tide.units import MIB, format_size

from . import demand, forecast, schema, toml_lines
from .checker import Checker, ScenarioError, dotted, found_words, parse, toml_text
from .keys import (
    DEVICE, GUEST, GUEST_PARTS, MACHINE, MECHANISMS, STEP, TABLES, TOP, TRACE, WORKLOADS,
)  # fmt: skip
from .schema import Key
from .toml_lines import line_of, locate

_MOVABLE_MAX = 2 * MIB


@dataclass
class Step:
    """One step of the schedule; `requested` has an entry for each device that is asked."""

    label: str
    requested: dict[str, int]
    workload: str | None
    migration: str | None
    caches: str | None
    until: str
    hold: float
    timeout: float


@dataclass
class Variant:
    """One point of the sweep: all that one run needs but for its seed."""

    name: str  # "" without a sweep, else "workload.occupancy=50"
    keys: dict[str, Any]  # the swept keys as written
    guest: str
    mechanism: str
    machine: dict[str, Any]
    devices: list[dict[str, Any]]
    workload: dict[str, Any] | None
    policy: dict[str, Any] | None
    host: dict[str, Any]
    steps: list[Step]
    record: dict[str, Any]
    linux: dict[str, Any]
    trace: demand.Demand = field(default_factory=list)  # what the workload wants over time, where that is given
    member: str = ""  # its name among several guests
    members: "list[Variant]" = field(default_factory=list)  # of a variant with several guests: each of them

    def each(self) -> "list[Variant]":
        """The guests: one machine for each."""
        return self.members or [self]

    @property
    def label(self) -> str:
        """What a policy and its decisions call the guest."""
        return self.member or self.guest

    def begins_with(self) -> int:
        """The memory that the guest boots with, in bytes."""
        return int(self.machine["memory"]) + sum(device["requested"] or 0 for device in self.devices)


@dataclass
class Scenario:
    """A checked file. `warnings` are what it may do and its author may not have meant."""

    path: Path
    name: str
    text: str
    title: str
    about: str
    guest: str | None  # of every machine; None where each says it itself
    repetitions: int
    seeds: list[int]
    variants: list[Variant] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class _Checker(Checker):
    """The parts of a scenario."""

    def devices(self, given: Any) -> list[dict[str, Any]]:
        if not isinstance(given, list) or not given or len(given) > 16:
            found = found_words(("device",), given) if given else "no [[device]]"
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
                self.problem((*path, "size"), f"size = {toml_text(one.get('size', size))} with blocks of "
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
        workload = self.kinded("workload", WORKLOADS, given)
        if workload is None:
            return None
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

    def trace(self, given: Any, has_workload: bool) -> tuple[dict[str, Any] | None, demand.Demand]:
        """The steady workload that follows a trace, and the trace."""
        table = self.table(("trace",), TRACE, given)
        if has_workload:
            self.problem(("trace",), "a [trace] beside a [workload]", "one of them: a trace is what a steady workload holds")
        if self.problems:
            return None, []
        try:
            wanted = demand.read(Path(self.file).parent / table["file"], table["speed"])
        except demand.WrongTrace as error:
            self.problem(("trace", "file"), str(error), "CSV: time_s,demand in the order of time")
            return None, []
        chunk = table["chunk"]
        most = max(-(-size // chunk) * chunk for _, size in wanted)
        low = min(max(wanted[0][1] // chunk * chunk, chunk), most)
        workload = {"kind": "steady", "size": max(most, chunk), "chunk": chunk, "tick": table["tick"], "low": low,
                    "movable": table["movable"], "refuse": table["refuse"]}  # fmt: skip
        return workload, wanted

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
            self.problem((*path, "workload"), f"workload = {toml_text(step['workload'])} without a [workload]",
                         "a table [workload] with the kind of workload")  # fmt: skip
        if step["until"] == "time" and not step["hold"]:
            self.problem((*path, "until"), 'until = "time" without a time', 'hold = "2s" beside it')
        if not (given or step["workload"] or step["migration"] or step["caches"] or step["hold"]):
            self.problem(path, "a [[step]] that does nothing", "requested, workload, migration, caches or hold in it")
        return Step(step["label"] or "", wanted, step["workload"], step["migration"], step["caches"],
                    step["until"] or "settled", step["hold"] or 0.0, step["timeout"] or 30.0)  # fmt: skip

    def order(self, schedule: list[Step], key: str, end: str) -> None:
        """A workload or migration is started before anything else is done with it, and once at a time."""
        there = False
        for index, step in enumerate(schedule):
            value = getattr(step, key)
            if value in ("start", "whole") and there:
                self.problem(("step", index, key), f'{key} = "{value}" while one is there', f'{key} = "{end}" before it')
            elif value not in (None, "start", "whole") and not there:
                self.problem(("step", index, key), f'{key} = "{value}" without a start before it',
                             f'{key} = "start" in a step before')  # fmt: skip
            there = value == "start" or (there and value != end)

    def schedule(self, steps: Any, devices: list[dict[str, Any]], workload: dict[str, Any] | None, has_workload: bool) -> list[Step]:
        if not isinstance(steps, list) or not steps:
            found = found_words(("step",), steps) if steps else "no [[step]]"
            self.problem(("step",), found, "one table [[step]] or more: the schedule, in order")
            return []
        schedule = [self.step(i, one, devices, has_workload) for i, one in enumerate(steps)]
        if workload and not any(step.workload for step in schedule):
            schedule[min(1, len(schedule) - 1)].workload = "start"
        self.order(schedule, "workload", "stop")
        self.order(schedule, "migration", "cancel")
        if not self.problems:
            for index, key, text in forecast.long_waits(schedule, workload):
                self.warn(("step", index, key), text)
        return schedule

    def variant(self, data: dict[str, Any], name: str, keys: dict[str, Any], guest: str) -> Variant:
        """One guest with its machine, workload and schedule."""
        tables = {part: self.table((part,), spec, data.get(part, {})) for part, spec in TABLES.items()}
        devices = self.devices(data.get("device"))
        workload, wanted = self.workload(data.get("workload")), []
        if "trace" in data:
            workload, wanted = self.trace(data["trace"], workload is not None)
        has_workload = "workload" in data or "trace" in data
        schedule = self.schedule(data.get("step"), devices, workload, has_workload)
        for file in ("kernel", "initrd"):
            if tables["linux"][file]:
                tables["linux"][file] = str(Path(self.file).parent / tables["linux"][file])
        filling = [index for index, step in enumerate(schedule) if step.caches == "fill"]
        if filling and not tables["linux"]["disk"]:
            self.problem(("step", filling[0], "caches"), 'caches = "fill" without a disk', 'disk = "512M" in [linux]')
        policy, host = self.policy(data.get("policy")), tables["host"]
        self.host(host, policy)
        mechanism = self.mechanism(data, devices, policy)
        if mechanism == "reporting":
            schedule = [replace(step, requested={}) for step in schedule]  # there is nothing to request of it
        return Variant(name, keys, guest, mechanism, tables["machine"], devices, workload, policy, host, schedule,
                       tables["record"], tables["linux"], wanted)  # fmt: skip

    def mechanism(self, data: dict[str, Any], devices: list[dict[str, Any]], policy: Any) -> str:
        """What changes sizes; a problem where it does not go with the rest of the file."""
        mechanism = str(data.get("mechanism") or MECHANISMS[0])
        if mechanism in ("balloon", "reporting") and len(devices) > 1:
            self.problem(("device", 1), f'a second [[device]] with mechanism = "{mechanism}"', "one, which is boot memory then")
        if mechanism == "reporting" and policy:
            self.problem(("policy",), 'a [policy] with mechanism = "reporting"', "a mechanism whose size can be set")
        return mechanism

    def host(self, host: dict[str, Any], policy: dict[str, Any] | None) -> None:
        if host["enforce"] == "cgroup" and not host["memory"]:
            self.problem(("host", "enforce"), 'enforce = "cgroup" without a limit', 'memory = "2G" beside it')
        if host["enforce"] == "policy" and host["memory"] and not policy:
            self.problem(("host", "memory"), "a memory that nothing enforces", 'a table [policy], or enforce = "cgroup"')

    def variant_of_all(self, data: dict[str, Any], name: str, keys: dict[str, Any], guest: str | None) -> Variant:
        """The guest of the file, or the guests: what one's table has not is the file's."""
        guests = data.get("guest")
        if not isinstance(guests, list):
            return self.variant(data, name, keys, guest or "tide")
        members: list[Variant] = []
        for index, given in enumerate(guests):
            spec = GUEST | {part: Key(None, None, "") for part in GUEST_PARTS}
            table = self.table(("guest", index), spec, given)
            own = {part: given[part] for part in (*GUEST_PARTS, "mechanism") if part in given} if isinstance(given, dict) else {}
            self.own = (("guest", index), frozenset(own))
            member = self.variant(data | own, name, keys, guest or table["kind"] or "tide")
            self.own = ((), frozenset())
            member.member = table["name"] or f"vm{index}"
            if member.member in (other.member for other in members):
                self.problem(("guest", index), f"a second guest with the name {member.member}", "a name for each")
            members.append(member)
        if not self.problems and members[0].host["memory"]:
            begin = sum(member.begins_with() for member in members)
            if begin > members[0].host["memory"]:
                self.problem(("host", "memory"), f"memory = {format_size(members[0].host['memory'])}",
                             f"at least what the guests begin with, {format_size(begin)}")  # fmt: skip
        return replace(members[0], member="", members=members)

    def sweep_values(self, given: Any) -> dict[str, list[Any]]:
        values: dict[str, list[Any]] = {}
        if not isinstance(given, dict):
            self.problem(("sweep",), found_words(("sweep",), given), 'a table: "device.block" = ["2M", "4M"]')
            return values
        for key, listed in given.items():
            if not isinstance(listed, list) or not listed:
                self.problem(("sweep", key), f'"{key}" = {toml_text(listed)}', "a list with one value or more")
            else:
                values[key] = listed
        return values


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
    + ["device.0.block", "workload.KEY", "trace.KEY", "policy.KEY", "host.memory", "step.0.requested", "linux.init_on_alloc", "record.interval", "guest.0.PART.KEY", "mechanism"]
)  # fmt: skip
_SWEEP_ROOTS = ("mechanism", "machine", "device", "workload", "trace", "policy", "host", "step", "linux", "record", "guest")


def _check(checker: _Checker, path: Path, text: str, data: dict[str, Any], guest: str | None) -> Scenario:
    parts = ["device", "workload", "trace", "policy", "step", "sweep", *TABLES]
    if isinstance(data.get("guest"), list) and data["guest"]:
        parts.append("guest")
    top = checker.table((), TOP | {part: Key(None, None, "") for part in parts}, data)
    seeds = [top["seed"] or 0] if top["seeds"] is None else top["seeds"]
    scenario = Scenario(path, path.stem, text, top["title"] or "", top["about"] or "",
                        guest or (top["guest"] if isinstance(top["guest"], str) else None), top["repetitions"] or 1, seeds)  # fmt: skip
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
        scenario.variants.append(checker.variant_of_all(varied, name, keys, scenario.guest))
        if checker.problems:
            break
    return scenario


def read(path: Path, guest: str | None = None) -> Scenario:
    """Read and check a file; `guest` takes the place of the file's own. OSError if it cannot be read."""
    text = path.read_text()
    data = parse(str(path), text)
    checker = _Checker(str(path), locate(text))
    scenario = _check(checker, path, text, data, guest)
    scenario.warnings = checker.warnings
    if checker.problems:
        raise ScenarioError(sorted(checker.problems, key=lambda problem: problem.line))
    return scenario

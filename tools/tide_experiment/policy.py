# SPDX-License-Identifier: BSD-2-Clause
"""Policies: what size a guest shall have, decided from readings. Pure but for `script`, which asks a command.

Every size is of the guest's memory in all, in bytes: boot memory and what is plugged, or what a
balloon leaves. A rule proposes a size; bound() makes of it what may be requested, and never
less than now where the reading is stale. Shares are of the requested size, so that a resize on its way is not asked for again.
"""

import json
import subprocess
from dataclasses import asdict, dataclass, replace
from typing import Any, Callable, Mapping

from tide.units import format_size, parse_size


@dataclass(frozen=True)
class Reading:
    """What is known of a guest at one moment. `used` and `age` are of its own statistics; None: it sent none."""

    guest: str
    size: int  # what it has now, by the host's account
    requested: int  # what it is to have
    used: int | None
    age: float | None  # seconds since the statistics were made
    resident: int = 0  # of its QEMU
    base: int = 0  # what cannot be taken: boot memory
    most: int = 0  # what it can have
    block: int = 1  # what a change is a multiple of


@dataclass(frozen=True)
class Host:
    """The memory that the guests share, and what of it is free."""

    total: int
    free: int

    @property
    def free_percent(self) -> float:
        return 100 * self.free / self.total if self.total else 0.0


@dataclass(frozen=True)
class State:
    """What a rule remembers of a guest."""

    busy_until: float = 0.0  # target: no shrink before
    doubts: int = 0  # target: good readings that are still to come


@dataclass(frozen=True)
class Decision:
    """One decision: what it was made from, which branch was taken, and the size from now on."""

    reading: Reading
    host: Host
    branch: str
    size: int
    why: str = ""

    def __str__(self) -> str:
        one = self.reading
        used = "unknown" if one.used is None else format_size(one.used)
        age = "none" if one.age is None else f"{one.age:.1f}s"
        return (f"{one.guest}: used={used} age={age} size={format_size(one.size)} requested={format_size(one.requested)} "
                f"host_free={self.host.free_percent:.0f}% branch={self.branch} result={format_size(self.size)}"
                + (f" ({self.why})" if self.why else ""))  # fmt: skip


@dataclass(frozen=True)
class Proposal:
    """What a rule would have, before bounds."""

    branch: str
    size: float
    state: State
    why: str = ""


Policy = Mapping[str, Any]  # the checked table [policy]
Rule = Callable[[Policy, Reading, Host, State, float], Proposal]


def is_stale(policy: Policy, reading: Reading) -> bool:
    return reading.used is None or reading.age is None or reading.age > policy["stale"]


def unused_percent(reading: Reading) -> float:
    """Of what is requested; negative where more is used than that."""
    return 100 * (reading.requested - (reading.used or 0)) / max(reading.requested, 1)


def band(policy: Policy, reading: Reading, _: Host, state: State, __: float) -> Proposal:
    """A step more below a share unused, a step less above another one, at most to the middle between both."""
    unused = unused_percent(reading)
    why = f"unused={unused:.0f}%"
    if unused < policy["grow_below"]:
        return Proposal("grow", reading.requested + policy["step"], state, why)
    if unused > policy["shrink_above"]:
        middle = (policy["grow_below"] + policy["shrink_above"]) / 200
        return Proposal("shrink", max(reading.requested - policy["step"], (reading.used or 0) / (1 - middle)), state, why)
    return Proposal("keep", reading.requested, state, why)


def mom(policy: Policy, reading: Reading, host: Host, state: State, _: float) -> Proposal:
    """oVirt's balloon.rules: under host pressure every guest keeps the smaller a reserve, else it grows slowly."""
    now, used, free = reading.requested, reading.used or 0, host.free_percent
    change = now * policy["change"] / 100
    why = f"host_free={free:.1f}%"
    if free < policy["pressure"]:
        reserve = free - 5 if free <= policy["critical"] else policy["reserve_share"] * free / policy["pressure"]
        size = max(now - change, used + now * reserve / 100)
        branch = "critical" if free <= policy["critical"] else "pressure"
    else:
        size = max(now + change, used + now * policy["reserve_share"] / 100)
        branch = "relax"
    too_small = abs(size - now) <= now * policy["smallest"] / 100
    wrong_way = size > now if branch != "relax" else size < now
    return Proposal("keep" if too_small or wrong_way else branch, now if too_small or wrong_way else size, state, why)


def target(policy: Policy, reading: Reading, _: Host, state: State, now: float) -> Proposal:
    """What is used and a reserve: more at once, less by steps after a quiet window. Doubt holds the size."""
    used = reading.used or 0
    if is_stale(policy, reading) or used > max(reading.size, reading.base):
        return Proposal("doubt", reading.requested, replace(state, doubts=policy["doubt"]))
    wanted = used + policy["reserve"]
    if wanted > reading.requested:
        state = replace(state, busy_until=now + policy["quiet"], doubts=max(state.doubts - 1, 0))
        return Proposal("grow", wanted, state)
    if state.doubts:
        return Proposal("latched", reading.requested, replace(state, doubts=state.doubts - 1), f"{state.doubts} to go")
    if wanted + policy["slack"] >= reading.requested:
        return Proposal("keep", reading.requested, replace(state, busy_until=max(state.busy_until, now + policy["quiet"])))
    if now < state.busy_until:
        return Proposal("quiet", reading.requested, state, f"{state.busy_until - now:.1f} s to go")
    return Proposal("shrink", max(reading.requested - policy["step"], wanted), state)


def script(policy: Policy, reading: Reading, host: Host, state: State, now: float) -> Proposal:
    """A command of the user's gets the reading as JSON, and answers {"size": SIZE, "why": TEXT}."""
    question = {"time": now, "guest": asdict(reading), "host": asdict(host), "stale": is_stale(policy, reading)}
    try:
        done = subprocess.run(policy["command"], shell=True, cwd=policy.get("folder"), input=json.dumps(question), text=True,
                              capture_output=True, timeout=policy["timeout"])  # fmt: skip
        if done.returncode != 0:
            raise ValueError(f"status {done.returncode}: {done.stderr.strip()[:200]}")
        answer = json.loads(done.stdout)
        size = answer["size"] if isinstance(answer["size"], int) else parse_size(answer["size"])
    except subprocess.TimeoutExpired:
        return Proposal("failed", reading.requested, state, f"no answer within {policy['timeout']:g} s")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        words = f'expected {{"size": BYTES}}: {error!r}' if not isinstance(error, OSError) else str(error)
        return Proposal("failed", reading.requested, state, words)
    return Proposal("script", size, state, str(answer.get("why", "")))


RULES: dict[str, Rule] = {"band": band, "mom": mom, "target": target, "script": script}


def bound(policy: Policy, reading: Reading, host: Host, proposal: Proposal, room: int | None) -> Decision:
    """What may be requested of the proposal: within limits, in whole blocks, within the guests' budget, and no less
    than now on a stale reading. `room` is what the budget leaves to this guest."""
    now = reading.requested
    branch = proposal.branch
    if proposal.size < now and is_stale(policy, reading):
        age = "no statistics" if reading.age is None or reading.used is None else f"statistics {reading.age:.1f} s old"
        return Decision(reading, host, "stale", now, f"{branch} refused: {age}")
    least = -(-max((policy["least"] or 0) - reading.base, 0) // reading.block)
    most = max((min(policy["most"] or reading.most, reading.most) - reading.base) // reading.block, least)
    blocks = -(-int(proposal.size - reading.base) // reading.block)
    size = min(reading.base + min(max(blocks, least), most) * reading.block, reading.most)
    if size < now and is_stale(policy, reading):
        size = now  # `most` is less than it has
    if room is not None and size > max(room, now):
        fits = max((room - reading.base) // reading.block * reading.block + reading.base, now)
        return Decision(reading, host, "budget", fits, f"{branch} to {format_size(size)} is more than is left")
    if size == now and branch not in ("keep", "quiet", "latched", "doubt", "failed"):
        return Decision(reading, host, "limit", now, f"{branch}: {proposal.why}".rstrip(": "))
    return Decision(reading, host, branch, size, proposal.why)


def decide(
    policy: Policy, reading: Reading, host: Host, state: State, now: float, room: int | None = None
) -> tuple[Decision, State]:
    """One decision, and what is to be remembered for the next."""
    if reading.used is None and policy["kind"] != "target":
        return Decision(reading, host, "stale", reading.requested, "no statistics"), state
    proposal = RULES[policy["kind"]](policy, reading, host, state, now)
    return bound(policy, reading, host, proposal, room), proposal.state

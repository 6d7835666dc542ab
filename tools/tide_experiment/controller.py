# SPDX-License-Identifier: BSD-2-Clause
"""The controller: holds what a policy remembers of each guest, and the memory that the guests share.

Several threads may use one controller, a guest each. A guest keeps what was decided for it until
its next decision; all of them together never get more than the budget.
"""

import re
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from .policy import Decision, Host, Policy, Reading, State, decide

DECISION_COLUMNS = ("time_s", "guest", "used", "age_s", "size", "requested", "resident", "host_total", "host_free",
                    "branch", "result", "why")  # fmt: skip


def host_memory() -> Host:
    """This machine's memory, and what of it is available."""
    kib = dict(re.findall(r"^(MemTotal|MemAvailable):\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE))
    return Host(int(kib["MemTotal"]) * 1024, int(kib["MemAvailable"]) * 1024)


def decision_row(time_s: float, decision: Decision) -> dict[str, Any]:
    """A decision as a row of decisions.csv."""
    one = decision.reading
    return {
        "time_s": f"{time_s:.4f}", "guest": one.guest, "used": one.used,
        "age_s": None if one.age is None else f"{one.age:.3f}", "size": one.size, "requested": one.requested,
        "resident": one.resident, "host_total": decision.host.total, "host_free": decision.host.free,
        "branch": decision.branch, "result": decision.size, "why": decision.why,
    }  # fmt: skip


class Controller:
    """One policy for the guests of one host. With a budget, the host's memory is the budget."""

    def __init__(self, policy: Policy, budget: int | None = None):
        self.policy = policy
        self.budget = budget
        self._lock = threading.Lock()
        self._latest: dict[str, Reading] = {}
        self._states: dict[str, State] = {}

    def join(self, reading: Reading) -> None:
        """A guest is there, and has what it has, before its first decision."""
        with self._lock:
            self._latest[reading.guest] = reading

    def leave(self, guest: str) -> None:
        """A guest is gone, and so is what it had."""
        with self._lock:
            self._latest.pop(guest, None)

    def decide(self, reading: Reading, now: float) -> Decision:
        """What the guest of that reading is to have from now on."""
        with self._lock:
            self._latest[reading.guest] = reading
            state = self._states.get(reading.guest, State())
            decision, after = decide(self.policy, reading, self._host(), state, now, self._room(reading))
            self._states[reading.guest] = after
            self._latest[reading.guest] = replace(reading, requested=decision.size)
            return decision

    def _host(self) -> Host:
        if self.budget is None:
            return host_memory()
        resident = sum(one.resident for one in self._latest.values())
        return Host(self.budget, max(self.budget - resident, 0))

    def _room(self, reading: Reading) -> int | None:
        """What the budget leaves to this guest: the others keep what they have until it is given back."""
        if self.budget is None:
            return None
        others = (one for one in self._latest.values() if one.guest != reading.guest)
        return self.budget - sum(max(one.size, one.requested) for one in others)

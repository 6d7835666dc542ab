# SPDX-License-Identifier: BSD-2-Clause
"""The guests of one run: each has a QEMU, a schedule and a folder of its own; they share a clock, a policy and a host's memory.

They begin their schedules together, once all have booted. Their samples have one time axis.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

from .cgroup import Cgroup
from .controller import Controller
from .policy import Reading
from .scenario import Variant


class OthersFailed(Exception):
    """Another guest of the run did not boot."""


class Company:
    """What the guests of one run share. A guest alone is a company, too."""

    def __init__(self, variant: Variant, name: str = ""):
        self.name = name if variant.members else ""  # of the run, which its guests tell
        host = variant.host
        self.controller = Controller(variant.policy, host["memory"]) if variant.policy else None
        for one in variant.each() if self.controller else []:
            # What each begins with counts before it has booted.
            self.controller.join(Reading(one.label, one.begins_with(), one.begins_with(), None, None))
        self.cgroup = Cgroup(host["memory"]) if host["enforce"] == "cgroup" else None
        self.start = 0.0
        self._barrier = threading.Barrier(len(variant.each()), action=self._begin)

    def _begin(self) -> None:
        self.start = time.monotonic()

    def meet(self) -> None:
        """Wait until every guest has booted: then their schedules begin, at `start`."""
        try:
            self._barrier.wait()
        except threading.BrokenBarrierError as error:
            raise OthersFailed("another guest of this run did not boot") from error

    def leave(self, name: str) -> None:
        """A guest has ended, whether it had booted or not: nobody waits for it, and what it had is free."""
        if self.start == 0.0:
            self._barrier.abort()
        if self.controller:
            self.controller.leave(name)

    def close(self) -> None:
        if self.cgroup:
            self.cgroup.remove()


def run_all(runs: list[Callable[[], None]]) -> None:
    """Each in a thread of its own, to their ends."""
    with ThreadPoolExecutor(len(runs)) as pool:
        for done in [pool.submit(run) for run in runs]:
            done.result()

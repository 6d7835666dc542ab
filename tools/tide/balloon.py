# SPDX-License-Identifier: BSD-2-Clause
"""The virtio-balloon of a QEMU: what its guest says of its memory, and the balloon itself."""

import time
from dataclasses import dataclass

from .qmp import Qmp, QmpError

_UNKNOWN = 2**64 - 1


@dataclass(frozen=True)
class Statistics:
    """What the guest said last. used_bytes: of all its memory, what is not available to programs."""

    total_bytes: int
    used_bytes: int
    age_seconds: float


def find_balloon(qmp: Qmp) -> str | None:
    """The path of the balloon device, whatever its transport; None if there is none."""
    for place in ("/machine/peripheral", "/machine/peripheral-anon"):
        for child in qmp.execute("qom-list", path=place):
            if child["type"].startswith("child<virtio-balloon"):
                return f"{place}/{child['name']}"
    return None


def poll_statistics(qmp: Qmp, balloon: str, seconds: int) -> int:
    """Have QEMU ask the guest every so many seconds, 0 for never; what it was before."""
    before = int(qmp.get(balloon, "guest-stats-polling-interval"))
    qmp.set(balloon, "guest-stats-polling-interval", seconds)
    return before


def read_statistics(qmp: Qmp, balloon: str) -> Statistics | None:
    """The latest statistics; None if the guest never sent any, or none of use."""
    try:
        answer = qmp.get(balloon, "guest-stats")
    except QmpError:  # as some versions say that there are none yet
        return None
    told = {name: value for name, value in answer["stats"].items() if 0 <= value < _UNKNOWN}
    free = told.get("stat-available-memory", told.get("stat-free-memory"))
    total = told.get("stat-total-memory")
    if not answer["last-update"] or free is None or total is None:
        return None
    return Statistics(total, max(total - free, 0), max(time.time() - answer["last-update"], 0.0))


def balloon_size(qmp: Qmp) -> int:
    """The memory that the balloon leaves to the guest."""
    return int(qmp.execute("query-balloon")["actual"])

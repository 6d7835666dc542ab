# SPDX-License-Identifier: BSD-2-Clause
"""What bench_contend writes, as ratios: threads on Tide's allocator and on its rivals, in one run."""

import statistics
from dataclasses import dataclass

TIDE = "Tide"


@dataclass(frozen=True)
class Contention:
    """One pattern with so many threads: by allocator, processor time for an operation in each round."""

    pattern: str
    threads: int
    samples: dict[str, list[float]]  # nanoseconds

    def median(self, name: str) -> float:
        return statistics.median(self.samples[name])

    def ratio(self, rival: str) -> float:
        """Tide's time by the rival's: below 1 Tide is the faster one."""
        return self.median(TIDE) / self.median(rival)


def parse(text: str) -> list[Contention]:
    """The program's output, rounds put together, in the order of the first round."""
    heading, *lines = text.splitlines()
    names = heading.split()[2:]
    found: dict[tuple[str, int], Contention] = {}
    for line in lines:
        pattern, threads, *times = line.split()
        key = pattern, int(threads)
        case = found.setdefault(key, Contention(*key, {name: [] for name in names}))
        for name, time in zip(names, times, strict=True):
            case.samples[name].append(float(time))
    return list(found.values())

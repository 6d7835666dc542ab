# SPDX-License-Identifier: BSD-2-Clause
"""A trace of demand: how much a program wanted at which time, read from a CSV file."""

import csv
from pathlib import Path

from tide.units import parse_size

Demand = list[tuple[float, int]]  # seconds from the first row, bytes from then on


class WrongTrace(ValueError):
    """The file is no trace; the message names the line and what is expected."""


def read(path: Path, speed: float = 1.0) -> Demand:
    """The rows of the file, its times divided by `speed`. WrongTrace where one is wrong, or there is none."""
    try:
        rows = list(csv.DictReader(path.read_text().splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise WrongTrace(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    demand: Demand = []
    for line, row in enumerate(rows, 2):
        try:
            time, size = float(row["time_s"]), parse_size(row["demand"])
        except (KeyError, TypeError, ValueError) as error:
            raise WrongTrace(f"{path}:{line}: expected time_s in seconds and demand as a size") from error
        if demand and time <= demand[-1][0]:
            raise WrongTrace(f"{path}:{line}: time_s = {time:g} is not after {demand[-1][0]:g}, the row before")
        demand.append((time, size))
    if not demand:
        raise WrongTrace(f"{path}: no rows: expected the columns time_s and demand")
    return [((time - demand[0][0]) / speed, size) for time, size in demand]

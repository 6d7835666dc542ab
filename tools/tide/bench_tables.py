# SPDX-License-Identifier: BSD-2-Clause
"""How `make bench` shows what it measured: a table for the figures, and one for each sweep."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from . import contention, reclaim
from .figure import Figure, LinuxFigures
from .units import human_size


def exact(value: float, unit: str) -> str:
    if unit == "bytes":
        return human_size(value)
    digits = 2 if unit.startswith("x ") else 1 if unit == "a second" else 0
    return f"{value:,.{digits}f}"


def print_table(console: Console, figures: list[Figure], linux: LinuxFigures) -> None:
    table = Table(title="Tide's figures", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("figure", "unit"):
        table.add_column(heading, no_wrap=True)
    for heading in ("Linux", "target", "measured", "spread"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for figure in figures:
        spread = " .. ".join(exact(edge(figure.samples), figure.unit) for edge in (min, max))
        other = linux.figures.get(figure.name)
        word = "[green]reached[/]" if figure.reached else "[red]missed[/]"
        table.add_row(figure.name, figure.unit, "-" if other is None else exact(other, figure.unit),
                      exact(figure.target, figure.unit), exact(figure.measured, figure.unit), spread, word)  # fmt: skip
    console.print(table)
    console.print(f"Linux: {linux.linux} on {linux.qemu}.")


def print_sweep(console: Console, size: int, cases: list[reclaim.Reclaimed]) -> None:
    title = f"Given back of all that is free in {human_size(size)} of {human_size(reclaim.CHUNK)} chunks"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("held", justify="right")
    table.add_column("free", justify="right")
    for movable in reclaim.SHARES:
        table.add_column(f"{movable} % movable", justify="right")
    for occupancy in reclaim.OCCUPANCIES:
        row = [case for case in cases if case.occupancy == occupancy]
        table.add_row(f"{occupancy} %", human_size(row[0].best),
                      *[reclaim.share(case.reclaimed, case.best) for case in row])  # fmt: skip
    console.print(table)


def print_host(console: Console, counts: dict[str, float]) -> None:
    title = "The allocator as a host program, by callgrind"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("pattern and order")
    table.add_column("host instructions", justify="right")
    for pattern, count in counts.items():
        table.add_row(pattern.replace("-", " "), f"{count:,.0f}")
    console.print(table)


def print_unmovable(console: Console, rows: list[list[str]]) -> None:
    title = "Blocks of 4 GiB that stay reclaimable, nothing movable: two traces on three allocators"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for heading in ("trace", "held", "after random", "block", "best", "Tide", "first fit", "buddy"):
        table.add_column(heading, justify="right")
    for trace, held, stage, block, *counts in rows:
        table.add_row(trace, f"{held} %", stage, f"{block} MiB", *counts)
    console.print(table)


def print_contention(console: Console, cases: list[contention.Contention]) -> None:
    rivals = [name for name in cases[0].samples if name != contention.TIDE]
    title = "Several threads: ns of processor time an operation, and Tide's by each rival's"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("pattern and order")
    for heading in ("threads", *cases[0].samples, *(f"Tide / {name}" for name in rivals)):
        table.add_column(heading, justify="right")
    for case in cases:
        times = [f"{case.median(name):.1f}" for name in case.samples]
        ratios = [f"{case.ratio(name):.2f}" for name in rivals]
        table.add_row(case.pattern.replace("-", " "), str(case.threads), *times, *ratios)
    console.print(table)

# SPDX-License-Identifier: BSD-2-Clause
"""The terminal while an experiment runs: how far it is, the region, and its sizes over time."""

import threading
import time
from collections import deque
from typing import Any

from rich import live as rich_live
from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text
from tide.guest import Guest
from tide.units import format_size, human_size

from . import guestlines
from .recorder import Moment
from .runner import Plan
from .scenario import Scenario

REFRESH_SECONDS = 0.1
HISTORY = 600
_BARS = " ▁▂▃▄▅▆▇█"
# A cell of the region: what is drawn, and its style, from the blocks' letters.
_CELLS = {"u": ("·", "bright_black"), "e": ("░", "green"), "p": ("▒", "yellow"), "f": ("█", "bright_blue")}


def region_cells(runs: str, width: int) -> str:
    """A region as `width` letters: u unplugged, e empty, p partly used, f full."""
    blocks = guestlines.expand(runs)
    cells = []
    for cell in range(min(width, len(blocks))):
        count = min(width, len(blocks))
        part = blocks[cell * len(blocks) // count : max((cell + 1) * len(blocks) // count, 1)]
        kinds = set(part)
        cells.append(kinds.pop() if len(kinds) == 1 else "p" if kinds - {"u", "e"} else "e")
    return "".join(cell if cell in "uef" else "p" for cell in cells)


def sparkline(values: list[float], top: float, width: int) -> str:
    """The last `width` values as bars up to `top`."""
    if top <= 0:
        return ""
    return "".join(_BARS[round(min(value / top, 1) * (len(_BARS) - 1))] for value in values[-width:])


class _Shown:
    """A run that goes on, as it is shown."""

    def __init__(self, text: Text):
        self.text = text
        self.began = time.monotonic()
        self.step = 0
        self.history: dict[str, deque[Any]] = {
            name: deque(maxlen=HISTORY) for name in ("requested", "plugged", "used")
        }

    def add(self, moment: Moment) -> None:
        used = moment.view.total.plugged_used if moment.view and moment.view.total else None
        last = self.history["used"][-1] if self.history["used"] else 0
        self.history["requested"].append(sum(moment.requested.values()))
        self.history["plugged"].append(sum(moment.size.values()))
        self.history["used"].append(last if used is None else used)


class Live:
    """Shows the runs of a session. On a terminal it is redrawn; else each run is one line."""

    def __init__(self, console: Console, scenario: Scenario, plans: list[Plan]):
        self.console = console
        self.scenario = scenario
        self.plans = plans
        self.steps = sum(len(one.steps) for one in scenario.variants[0].each())
        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps, left"),
            TimeRemainingColumn(compact=True), console=console,
        )  # fmt: skip
        self.task = self.progress.add_task(scenario.title, total=len(plans) * self.steps)
        self.drawn = 0.0
        self.shown: dict[str, _Shown] = {}  # the runs that go on, by the name of their folder
        self.done = 0
        self.lock = threading.RLock()  # each run has a thread
        self.live = rich_live.Live(self._picture(), console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> "Live":
        if self.console.is_terminal:
            self.live.start()
        else:
            self.console.print(f"{self.scenario.title}: {len(self.plans)} runs", soft_wrap=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self.live.stop()

    def begin(self, plan: Plan) -> None:
        with self.lock:
            self.shown[plan.folder_name()] = _Shown(Text(f"{plan.folder_name()}: booting", style="cyan"))
            self._draw()

    def observe(self, plan: Plan, moment: Moment, step: int, monitor: Guest) -> None:
        """A sample was taken."""
        with self.lock:
            shown = self.shown[plan.folder_name()]
            shown.step = step
            shown.add(moment)
            self.progress.update(self.task, completed=self._steps_done())
            if self.console.is_terminal and time.monotonic() - self.drawn >= REFRESH_SECONDS:
                self.drawn = time.monotonic()
                shown.text = self._state(plan, moment, step)
                self._draw()

    def end(self, plan: Plan, meta: dict[str, Any]) -> None:
        with self.lock:
            shown = self.shown.pop(plan.folder_name())
            self.done += len(plan.variant.steps)
            self.progress.update(self.task, completed=self._steps_done())
            line = f"  {plan.folder_name()}: {meta['status']} ({time.monotonic() - shown.began:.1f} s)"
            if meta["reason"]:
                line += f": {str(meta['reason']).splitlines()[0]}"
            style = "" if meta["status"] == "complete" else "red"
            self.console.print(Text(line, style=style), soft_wrap=True)

    def _steps_done(self) -> int:
        return self.done + sum(shown.step for shown in self.shown.values())

    # ---- drawing ----

    def _draw(self) -> None:
        if self.console.is_terminal:
            self.live.update(self._picture(), refresh=True)

    def _picture(self) -> Group:
        return Group(self.progress, *[shown.text for shown in self.shown.values()])

    def _state(self, plan: Plan, moment: Moment, step: int) -> Text:
        history = self.shown[plan.folder_name()].history
        width = max(20, min(self.console.width - 28, 96))
        steps = plan.variant.steps
        text = Text(f"{plan.folder_name()}  step {step + 1} of {len(steps)} {steps[step].label}\n", style="cyan")
        for device, size in moment.size.items():
            text.append(f"{device:>10} ", style="bright_black")
            occupancy = moment.view.occupancy.get(device) if moment.view else None
            if occupancy:
                history[device] = deque(region_cells(occupancy.runs, width))  # type: ignore[arg-type]
            for cell in history.get(device, ()):
                text.append(*_CELLS[str(cell)])
            text.append(f" {format_size(size)} of {format_size(moment.requested[device])}\n")
        top = max([*history["requested"], *history["plugged"]], default=0)
        for name in ("requested", "plugged", "used"):
            values = list(history[name])
            text.append(f"{name:>10} ", style="bright_black")
            text.append(sparkline(values, top, width).ljust(width), style="bright_blue" if name == "used" else "green")
            text.append(f" {human_size(values[-1])}\n")
        text.append(f"{'QEMU':>10} ", style="bright_black").append(
            f"resident {human_size(moment.resident)}, processor time {moment.cpu:.1f} s"
        )
        return text

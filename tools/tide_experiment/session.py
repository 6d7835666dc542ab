# SPDX-License-Identifier: BSD-2-Clause
"""The runs of one scenario, or of one comparison, into one experiment folder: in turn or several at once.

Each run has a thread of its own. Whatever ends the session ends the runs that go on: their QEMU is
killed, and their folders say that they were interrupted.
"""

import functools
import json
import shutil
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from rich.console import Console

from . import folder
from .live import Live
from .runner import Plan, Run, plan_runs
from .scenario import Scenario
from .together import Company, run_all


class CannotResume(ValueError):
    """The latest results are of something else; the message says of what."""


class Session:
    """One experiment folder and the runs that are still to be done for it."""

    def __init__(self, scenarios: list[Scenario], guests: dict[str, Any], root: Path, via: str, jobs: int):
        self.scenarios = scenarios
        self.guests = guests
        self.scenario = scenarios[0]
        self.name = self.scenario.name + ("-compare" if len(scenarios) > 1 else "")
        self.root = root
        self.via = via
        self.jobs = jobs
        self.folder: Path
        self.plans = plan_runs(scenarios)
        self.left: list[Plan] = []
        self.bad: list[tuple[Plan, dict[str, Any]]] = []
        self._active: list[Run] = []
        self._lock = threading.Lock()
        self._ended = False
        self.meta: dict[str, Any] = {}

    def begin(self) -> None:
        """A new folder, and every run to do."""
        self.folder = folder.new_experiment(self.root, self.name)
        self.left = list(self.plans)
        shutil.copyfile(self.scenario.path, self.folder / "scenario.toml")
        self.meta = {
            "name": self.name,
            "title": self.scenario.title,
            "about": self.scenario.about,
            "command": sys.argv,
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "status": "running",
            "runs": self._names(),
        }
        self._write_meta("running")

    def resume(self) -> None:
        """The latest folder of the same scenario, and the runs that are not complete in it."""
        latest = self.root / self.name / "latest"
        if not (latest / "scenario.toml").exists():
            raise CannotResume(f"there are no results of {self.name} in {self.root} to go on with")
        self.folder = latest.resolve()
        self.meta = json.loads((self.folder / "meta.json").read_text())
        if (self.folder / "scenario.toml").read_text() != self.scenario.text or self.meta.get("runs") != self._names():
            raise CannotResume(f"{self.folder} is of another scenario or other repetitions: run it anew, without --resume")
        self.left = [plan for plan in self.plans if not all([self._is_complete(one) for one in plan.each()])]
        for one in (one for plan in self.left for one in plan.each()):
            shutil.rmtree(self.folder / "runs" / one.folder_name(), ignore_errors=True)
        self._write_meta("running")

    def _names(self) -> list[str]:
        return [one.folder_name() for plan in self.plans for one in plan.each()]

    def _is_complete(self, plan: Plan) -> bool:
        """Whether it was done to its end, by what would be run now."""
        path = self.folder / "runs" / plan.folder_name()
        meta = folder.read_meta(path) if path.exists() else {}
        if meta.get("status") != "complete":
            return False
        now = self.guests[plan.guest].versions(plan.variant)
        # What runs counts, not the commit, which is of the tools as well.
        other = [name for name, value in now.items() if name != "tide" and meta["versions"].get(name) != value]
        if other:
            raise CannotResume(f"{path.name} was done with {other[0]} {meta['versions'].get(other[0])}, "
                               f"now it is {now[other[0]]}: run it anew, without --resume")  # fmt: skip
        return True

    def _write_meta(self, status: str) -> None:
        self.meta["status"] = status
        folder.write_json(self.folder / "meta.json", self.meta)

    def run(self, console: Console) -> int:
        """Do every run that is left; the exit status."""
        try:
            with Live(console, self.scenario, self.left) as live:
                self._run_all(live)
        except KeyboardInterrupt:
            self._write_meta("interrupted")
            print(f"interrupted: what was done is in {self.folder}", file=sys.stderr)
            return 130
        self._write_meta("complete" if not self.bad else self.bad[0][1]["status"])
        for plan, meta in self.bad:
            print(f"{plan.folder_name()}: {meta['status']}: {meta['reason']}", file=sys.stderr)
        return 1 if self.bad else 0

    def _run_all(self, live: Live) -> None:
        waiting = list(self.left)
        pool = ThreadPoolExecutor(self.jobs)
        going: set[Future[None]] = set()
        try:
            while waiting or going:
                while waiting and len(going) < self.jobs:
                    going.add(pool.submit(self._run_one, waiting.pop(0), live))
                done, going = wait(going, return_when=FIRST_COMPLETED)
                for one in done:
                    one.result()
        except BaseException:
            with self._lock:
                self._ended = True
                for run in self._active:
                    run.interrupt()
            raise
        finally:
            pool.shutdown()

    def _run_one(self, plan: Plan, live: Live) -> None:
        """One run, with all its guests."""
        company = Company(plan.variant, plan.folder_name())
        run_all([functools.partial(self._run_guest, one, live, company) for one in plan.each()])
        company.close()

    def _run_guest(self, plan: Plan, live: Live, company: Company) -> None:
        path = self.folder / "runs" / plan.folder_name()
        run = Run(plan, self.guests[plan.guest], path, live.observe, self.via, company)
        with self._lock:
            if self._ended:
                company.leave(plan.variant.label)
                return
            self._active.append(run)
        live.begin(plan)
        meta = run.do()
        live.end(plan, meta)
        with self._lock:
            self._active.remove(run)
            if meta["status"] != "complete":
                self.bad.append((plan, meta))

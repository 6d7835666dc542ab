# SPDX-License-Identifier: BSD-2-Clause
"""tools/experiment: check, run, plot and compare scenarios."""

import argparse
import importlib.util
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from tide.qemu import find_qemu

from . import folder, results, tables
from .guests import GuestMissing, LinuxGuest, TideGuest
from .live import Live
from .runner import Plan, Run, plan_runs
from .scenario import Scenario, ScenarioError, read

HELP = """\
Resize experiments: one file says what shall happen, one command runs it, one
folder holds the figures and the pictures.

  tools/experiment check experiments/latency.toml      is the file right? what will it run?
  tools/experiment run experiments/latency.toml        run it: CSV, SVG and report.html
  tools/experiment compare experiments/latency.toml    the same on Tide and on Linux, taking turns
  tools/experiment plot experiments/latency.toml       draw the latest results again

A scenario, complete:

  title = "Grow and shrink"
  repetitions = 3

  [[device]]                  # one table for each virtio-mem device: vmem0, vmem1, ...
  size = "2G"
  block = "2M"

  [workload]                  # optional: what the guest does with its memory
  kind = "random"
  size = "512M"
  occupancy = 50

  [[step]]                    # the schedule, in order
  requested = "1G"
  [[step]]
  workload = "start"
  [[step]]
  workload = "wait"
  [[step]]
  requested = "256M"          # ends when the device has it, or after `timeout`
  hold = "1s"

  [sweep]                     # optional: one run for each value
  "device.block" = ["2M", "128M"]

`tools/experiment check --keys` lists every key; docs/experiments.md explains them,
and what the folder holds. The status is 0 when every run was complete, 1 when one
was not, 2 when the file or the command line is wrong, 130 when you interrupted it.
"""


def count(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of runs; expected 1 or more")
    return int(text)


def existing_folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is no folder; expected one with pictures to renew")
    return Path(text)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tools/experiment", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="check|run|plot|compare")
    check = verbs.add_parser("check", help="check scenarios, and say what they would run")
    check.add_argument("files", type=Path, nargs="*", metavar="FILE")
    check.add_argument("--keys", action="store_true", help="list every key with its default and what is allowed")
    run = verbs.add_parser("run", help="run scenarios")
    compare = verbs.add_parser("compare", help="run scenarios on Tide and on Linux, taking turns")
    for verb in (run, compare):
        verb.add_argument("files", type=Path, nargs="+", metavar="FILE")
        verb.add_argument("--out", type=Path, help="where results go (default: build/experiments)")
        verb.add_argument("--image", type=Path, help="Tide's image (default: build/tide.elf)")
        verb.add_argument("--linux", type=Path, help="the built Linux guest (default: build/linux)")
        verb.add_argument("--repetitions", type=count, metavar="N", help="instead of the file's own number")
        verb.add_argument("--figures", type=existing_folder, metavar="DIR",
                          help="renew the pictures that DIR has already: SCENARIO-PICTURE.svg")
        verb.add_argument("--via", choices=("qmp", "libvirt"), default="qmp",
                          help="start QEMU and ask it by QMP, or have libvirt do both (the domain of tests/libvirt)")
        verb.add_argument("--no-plot", action="store_true", help="figures as CSV only, no pictures")
    plot = verbs.add_parser("plot", help="draw the pictures and print the table of results again")
    plot.add_argument("files", type=Path, nargs="+", metavar="FILE|FOLDER")
    plot.add_argument("--out", type=Path, help="where results are (default: build/experiments)")
    return parser


def results_root(options: argparse.Namespace) -> Path:
    return (options.out or folder.build_folder() / "experiments").resolve()


def read_all(files: list[Path], guest: str | None = None) -> list[Scenario] | None:
    """Every file checked; None after the problems were printed."""
    scenarios = []
    wrong = False
    for file in files:
        try:
            scenarios.append(read(file, guest))
        except ScenarioError as error:
            print(error, file=sys.stderr)
            wrong = True
        except (OSError, UnicodeDecodeError) as error:
            print(f"{file}: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
            wrong = True
    return None if wrong else scenarios


def check_verb(options: argparse.Namespace, console: Console) -> int:
    if options.keys:
        tables.print_keys(console)
    if not options.files and not options.keys:
        print("tools/experiment check: name a FILE, or --keys", file=sys.stderr)
        return 2
    scenarios = read_all(options.files)
    if scenarios is None:
        return 2
    for scenario in scenarios:
        runs = plan_runs([scenario])
        console.print(f"{scenario.path}: right. {scenario.title}", soft_wrap=True)
        console.print(f"  {len(runs)} runs: {len(scenario.variants)} variants x {len(scenario.seeds)} seeds"
                      f" x {scenario.repetitions} repetitions; "
                      f"{len(scenario.variants[0].steps)} steps each")  # fmt: skip
    return 0


class Session:
    """The runs of one scenario (or of one comparison) into one experiment folder."""

    def __init__(self, scenarios: list[Scenario], guests: dict[str, Any],
                 options: argparse.Namespace, console: Console):  # fmt: skip
        self.scenarios = scenarios
        self.guests = guests
        self.console = console
        self.scenario = scenarios[0]
        name = self.scenario.name + ("-compare" if len(scenarios) > 1 else "")
        self.via = options.via
        self.folder = folder.new_experiment(results_root(options), name)
        self.plans = plan_runs(scenarios)
        self.meta: dict[str, Any] = {
            "name": name,
            "title": self.scenario.title,
            "about": self.scenario.about,
            "command": sys.argv,
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "status": "running",
            "runs": [plan.folder_name() for plan in self.plans],
        }

    def write_meta(self, status: str) -> None:
        self.meta["status"] = status
        folder.write_json(self.folder / "meta.json", self.meta)

    def run(self) -> int:
        """Do every run; the exit status."""
        shutil.copyfile(self.scenario.path, self.folder / "scenario.toml")
        self.write_meta("running")
        bad: list[tuple[Plan, dict[str, Any]]] = []
        try:
            with Live(self.console, self.scenario, self.plans) as live:
                for plan in self.plans:
                    live.begin(plan)
                    path = self.folder / "runs" / plan.folder_name()
                    run = Run(plan, self.guests[plan.guest], path, live.observe, self.via)
                    meta = run.do()
                    live.end(plan, meta)
                    if meta["status"] != "complete":
                        bad.append((plan, meta))
        except KeyboardInterrupt:
            self.write_meta("interrupted")
            print(f"interrupted: what was done is in {self.folder}", file=sys.stderr)
            return 130
        self.write_meta("complete" if not bad else bad[0][1]["status"])
        for plan, meta in bad:
            print(f"{plan.folder_name()}: {meta['status']}: {meta['reason']}", file=sys.stderr)
        return 1 if bad else 0


def show(experiment_folder: Path, console: Console, pictures: bool, figures_copy: Path | None = None) -> None:
    """Print the table of an experiment and draw its pictures."""
    experiment = results.read_experiment(experiment_folder)
    results.write_steps(experiment)
    tables.print_results(experiment, console)
    if pictures:
        from . import figures, report  # matplotlib takes a second to load: only where it is needed

        drawn = figures.draw_all(experiment)
        report.write(experiment)
        for path in drawn:
            copy = figures_copy / f"{experiment.meta['name']}-{path.name}" if figures_copy else path
            if copy != path and copy.exists():
                shutil.copyfile(path, copy)
        names = ", ".join(path.name for path in drawn)
        console.print(f"{experiment_folder}: report.html, steps.csv, {names}", soft_wrap=True, highlight=False)
    else:
        console.print(f"{experiment_folder}: steps.csv", soft_wrap=True, highlight=False)


NO_MATPLOTLIB = "pictures need Debian's python3-matplotlib: run `tools/setup experiments`"


def what_is_lacking(options: argparse.Namespace) -> str | None:
    """What the runs need and this machine lacks, and what to do: asked before the first of them."""
    if shutil.which(find_qemu()) is None:
        return f"there is no {find_qemu()}: run `make setup`, or set QEMU="
    if options.via == "libvirt" and importlib.util.find_spec("libvirt_qemu") is None:
        return "--via libvirt needs Debian's python3-libvirt"
    if not options.no_plot and importlib.util.find_spec("matplotlib") is None:
        return f"{NO_MATPLOTLIB}, or give --no-plot"
    return None


def run_verb(options: argparse.Namespace, console: Console) -> int:
    compared = options.verb == "compare"
    lists = [read_all(options.files, guest) for guest in (("tide", "linux") if compared else (None,))]
    if any(scenarios is None for scenarios in lists):
        return 2
    available = {"tide": TideGuest(options.image), "linux": LinuxGuest(options.linux)}
    lacking = what_is_lacking(options)
    if lacking:
        print(f"tools/experiment: {lacking}", file=sys.stderr)
        return 2
    status = 0
    for scenarios in zip(*lists):
        for scenario in scenarios:
            scenario.repetitions = options.repetitions or scenario.repetitions
            try:
                available[scenario.guest].boot(scenario.variants[0])
            except GuestMissing as error:
                print(f"tools/experiment: {error}", file=sys.stderr)
                return 2
        session = Session(list(scenarios), available, options, console)
        one = session.run()
        show(session.folder, console, not options.no_plot, options.figures)
        if one == 130:
            return one
        status = max(status, one)
    return status


def find_results(given: Path, root: Path) -> list[Path]:
    """The results that a name on the command line means: a folder, or a scenario's latest."""
    if given.is_dir():
        return [given / "latest"] if (given / "latest").exists() else [given]
    found = [root / name / "latest" for name in (given.stem, f"{given.stem}-compare")]
    found = [path.resolve() for path in found if path.exists()]
    if not found:
        raise ValueError(f"{given}: there are no results of it in {root}; `tools/experiment run {given}` first")
    return found


def plot_verb(options: argparse.Namespace, console: Console) -> int:
    if importlib.util.find_spec("matplotlib") is None:
        print(f"tools/experiment: {NO_MATPLOTLIB}", file=sys.stderr)
        return 2
    try:
        for given in options.files:
            for path in find_results(given, results_root(options)):
                show(path, console, True)
    except ValueError as error:
        print(f"tools/experiment: {error}", file=sys.stderr)
        return 2
    return 0


def main(arguments: list[str] | None = None) -> int:
    options = build_parser().parse_args(arguments)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=140)  # a log file has room for a whole row
    if options.verb == "check":
        return check_verb(options, console)
    if options.verb == "plot":
        return plot_verb(options, console)
    return run_verb(options, console)

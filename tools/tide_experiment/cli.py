# SPDX-License-Identifier: BSD-2-Clause
"""tools/experiment: check, run, plot and compare scenarios."""

import argparse
import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from tide.qemu import find_qemu

from . import folder, forecast, pictured, tables
from .cgroup import Cgroup, NoCgroup
from .checker import ScenarioError
from .guests import GuestMissing, LinuxGuest, TideGuest
from .runner import plan_runs
from .scenario import Scenario, read
from .session import CannotResume, Session

HELP = """\
Resize experiments: one file says what shall happen, one command runs it, one
folder holds the figures and the pictures.

  tools/experiment check experiments/latency.toml      is the file right? what will it run?
  tools/experiment run experiments/latency.toml        run it: CSV, pictures and report.html
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
        raise argparse.ArgumentTypeError(f"'{text}' is no such number; expected 1 or more")
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
        verb.add_argument("--kernel", type=Path, help="Linux's kernel: yours, for the built one")
        verb.add_argument("--initrd", type=Path, help="Linux's initrd: yours, which starts the built `guest`")
        verb.add_argument("--dry-run", action="store_true", help="say what would be run and how long it takes")
        verb.add_argument("--jobs", type=count, default=1, metavar="N", help="runs at once (default: 1, as times want it)")
        verb.add_argument("--resume", action="store_true", help="go on with the latest results: do what is not complete")
        verb.add_argument("--no-plot", action="store_true", help="figures as CSV only, no pictures")
    plot = verbs.add_parser("plot", help="draw the pictures and print the table of results again")
    plot.add_argument("files", type=Path, nargs="+", metavar="FILE|FOLDER")
    plot.add_argument("--out", type=Path, help="where results are (default: build/experiments)")
    for verb in (run, compare, plot):
        pictured.add_look(verb)
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
    for scenario in scenarios:
        for warning in scenario.warnings:
            print(warning, file=sys.stderr)
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
        console.print(f"{scenario.path}: right. {scenario.title}", soft_wrap=True)
        describe([scenario], console)
    return 0


def describe(scenarios: list[Scenario], console: Console, jobs: int = 1, names: bool = False) -> None:
    """How many runs there are, how long they take, and their names."""
    first = scenarios[0]
    guests = f" x {len(scenarios)} guests" if len(scenarios) > 1 else ""
    if first.variants[0].members:
        guests += f" of {len(first.variants[0].members)} machines together"
    runs = plan_runs(scenarios)
    console.print(f"  {len(runs)} runs: {len(first.variants)} variants x {len(first.seeds)} seeds"
                  f" x {first.repetitions} repetitions{guests}; {len(first.variants[0].steps)} steps each; "
                  f"{forecast.duration(scenarios, jobs)}", soft_wrap=True)  # fmt: skip
    for plan in runs if names else []:
        console.print(f"    {plan.folder_name()}", soft_wrap=True)


def what_is_lacking(options: argparse.Namespace) -> str | None:
    """What the runs need and this machine lacks, and what to do: asked before the first of them."""
    if shutil.which(find_qemu()) is None:
        return f"there is no {find_qemu()}: run `make setup`, or set QEMU="
    if options.via == "libvirt" and importlib.util.find_spec("libvirt_qemu") is None:
        return "--via libvirt needs Debian's python3-libvirt"
    if options.via == "libvirt" and options.jobs > 1:
        return "--via libvirt has one domain: run it without --jobs"
    if not options.no_plot and importlib.util.find_spec("matplotlib") is None:
        return f"{pictured.NO_MATPLOTLIB}, or give --no-plot"
    return None


def run_verb(options: argparse.Namespace, console: Console) -> int:
    lists = [read_all(options.files, guest) for guest in (("tide", "linux") if options.verb == "compare" else (None,))]
    if any(scenarios is None for scenarios in lists):
        return 2
    together = [list(scenarios) for scenarios in zip(*lists)]
    for scenario in (scenario for scenarios in together for scenario in scenarios):
        scenario.repetitions = options.repetitions or scenario.repetitions
    if options.dry_run:
        for scenarios in together:
            console.print(f"{scenarios[0].path}: {scenarios[0].title}", soft_wrap=True)
            describe(scenarios, console, options.jobs, names=True)
        return 0
    guests = {"tide": TideGuest(options.image), "linux": LinuxGuest(options.linux, options.kernel, options.initrd)}
    try:
        ask_for_all(options, together, guests)
        sessions = [Session(scenarios, guests, results_root(options), options.via, options.jobs) for scenarios in together]
        return max(run_session(session, options, console) for session in sessions)
    except (GuestMissing, CannotResume, NoCgroup) as error:
        print(f"tools/experiment: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def ask_for_all(options: argparse.Namespace, together: list[list[Scenario]], guests: dict[str, Any]) -> None:
    """GuestMissing, before the first run of any file, if what one needs is not there."""
    lacking = what_is_lacking(options)
    if lacking:
        raise GuestMissing(lacking)
    for scenario in (scenario for scenarios in together for scenario in scenarios):
        for one in (one for variant in scenario.variants for one in variant.each()):
            guests[one.guest].boot(one)
            if options.via == "libvirt" and (one.member or one.host["enforce"] == "cgroup" or one.mechanism != "virtio-mem"):
                raise GuestMissing("--via libvirt has one domain, with virtio-mem: no several guests, no cgroup, no balloon")
        if scenario.variants[0].host["enforce"] == "cgroup":
            Cgroup(scenario.variants[0].host["memory"]).remove()


def run_session(session: Session, options: argparse.Namespace, console: Console) -> int:
    """Do the runs of one file and show their results; KeyboardInterrupt where the user ended them."""
    if options.resume:
        session.resume()
    else:
        session.begin()
    if not session.left:
        console.print(f"{session.folder}: every run is complete", soft_wrap=True)
    status = session.run(console)
    pictured.show(session.folder, console, options, options.figures)
    if status == 130:
        raise KeyboardInterrupt
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
        print(f"tools/experiment: {pictured.NO_MATPLOTLIB}", file=sys.stderr)
        return 2
    try:
        for given in options.files:
            for path in find_results(given, results_root(options)):
                pictured.show(path, console, options)
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

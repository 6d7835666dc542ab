# SPDX-License-Identifier: BSD-2-Clause
"""The results of an experiment on the terminal and as pictures, and the options that say how these look."""

import argparse
import importlib.util
import shutil
from pathlib import Path
from typing import Any, Callable

from rich.console import Console

from . import metrics, results, style, tables

NO_MATPLOTLIB = "pictures need Debian's python3-matplotlib: run `tools/setup experiments`"


def checked(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """A reader that raises ValueError, as argparse wants it: the words stay."""

    def one(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return one


def font(text: str) -> str:
    if text in style.GENERIC_FONTS:
        return text
    if importlib.util.find_spec("matplotlib") is None:
        raise argparse.ArgumentTypeError(NO_MATPLOTLIB)
    from . import figures  # takes a second to load: only where a font is named

    figures.check_font(text)
    return text


def add_look(verb: argparse.ArgumentParser) -> None:
    """The options that say how pictures look."""
    group = verb.add_argument_group("pictures")
    default = style.Look()
    group.add_argument("--width", type=checked(style.parse_width), default=default.width, metavar="WIDTH",
                       help='of a picture: "single" (3.4in) or "double" (7in) column, or 84mm, 8.4cm, 3.3in, 240pt (default: double)')
    group.add_argument("--font", type=checked(font), default=default.font, metavar="NAME",
                       help="serif, sans-serif, monospace or a font of this machine (default: sans-serif)")
    group.add_argument("--font-size", type=checked(style.parse_points), default=default.font_size, metavar="POINTS",
                       help="of all words (default: 8)")
    group.add_argument("--formats", type=checked(style.parse_formats), default=default.formats, metavar="LIST",
                       help="what is written beside report.html (default: svg,pdf,pgf)")  # fmt: skip


def show(experiment_folder: Path, console: Console, options: argparse.Namespace, figures_copy: Path | None = None) -> None:
    """Print the table of an experiment and draw its pictures."""
    experiment = results.read_experiment(experiment_folder)
    results.write_steps(experiment)
    metrics.write(experiment)
    tables.print_results(experiment, console)
    metrics.print_metrics(experiment, console)
    if not getattr(options, "no_plot", False):
        from . import figures, report  # matplotlib takes a second to load: only where it is needed

        look = style.Look(options.width, options.font, options.font_size, options.formats)
        drawn = figures.draw_all(experiment, look)
        report.write(experiment, drawn)
        for path in [path for picture in drawn for path in picture.files]:
            copy = figures_copy / f"{experiment.meta['name']}-{path.name}" if figures_copy else path
            if copy != path and copy.exists():
                shutil.copyfile(path, copy)
        names = ", ".join(picture.picture.name for picture in drawn)
        kinds = ", ".join(look.formats)
        console.print(f"{experiment_folder}: report.html, steps.csv, metrics.csv, captions.txt, and as {kinds}: {names}",
                      soft_wrap=True, highlight=False)  # fmt: skip
    else:
        console.print(f"{experiment_folder}: steps.csv, metrics.csv", soft_wrap=True, highlight=False)

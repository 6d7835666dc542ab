# SPDX-License-Identifier: BSD-2-Clause
"""How a tool ends: one line that says what went wrong, never a traceback, and nothing left behind.

run_tool() is the last line of each tool. Ctrl-C gives 130, a closed pipe 141;
a signal that ends the tool is an exception first, so that QEMU is ended and the
terminal and temporary folders are as before.
"""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Callable, NoReturn

from .guest import GuestFailed
from .qemu import QemuFailed
from .qmp import QmpClosed, QmpError
from .units import parse_size

FAILURES = (QemuFailed, GuestFailed, QmpError, QmpClosed, OSError, ValueError)
_STATUS_PIPE = 141  # 128 + SIGPIPE, as the shell has it


def _end_by_signal(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


def size_argument(text: str) -> int:
    """A size on a command line; argparse shows what parse_size says of a wrong one."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def built(path: Path) -> Path:
    """The path of something that `make` builds; ValueError where it is not there."""
    if not path.exists():
        raise ValueError(f"there is no {path}: run `make` first")
    return path


def run_tool(main: Callable[[], int]) -> NoReturn:
    """Carry out main() and exit with the status that it gives."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end_by_signal)
    try:
        status = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:
        status = _STATUS_PIPE
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the last flush finds no error
    except FAILURES as error:
        print(f"tools/{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        status = 1
    sys.exit(status)

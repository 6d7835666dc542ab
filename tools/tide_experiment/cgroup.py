# SPDX-License-Identifier: BSD-2-Clause
"""A control group of Linux that limits what several QEMUs have together. Version 1 and 2; it needs root."""

import itertools
import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_numbers = itertools.count(1)


class NoCgroup(ValueError):
    """None can be made here; the message says why."""


class Cgroup:
    """A group with a limit, from its making to remove(). The kernel kills a member that does not fit, or swaps it out."""

    def __init__(self, limit_bytes: int, root: Path = ROOT):
        old = root / "memory"
        parent, name = (old, "memory.limit_in_bytes") if old.is_dir() else (root, "memory.max")
        self.folder = parent / f"tide-experiment-{os.getpid()}-{next(_numbers)}"
        try:
            self.folder.mkdir()
            limit = self.folder / name
            if not limit.exists():
                self.remove()
                raise NoCgroup(f"{parent} has no memory controller for {name}")
            limit.write_text(str(limit_bytes))
        except OSError as error:
            self.remove()
            raise NoCgroup(f'enforce = "cgroup" needs root and a memory controller: {error}') from error

    def add(self, pid: int) -> None:
        """What the process takes from now on counts."""
        (self.folder / "cgroup.procs").write_text(str(pid))

    def remove(self) -> None:
        """To be called when the members have ended."""
        if self.folder.is_dir():
            self.folder.rmdir()

# SPDX-License-Identifier: BSD-2-Clause
"""A busy machine: loops that take the processors' time."""

import subprocess
from contextlib import contextmanager
from typing import Iterator

from .qemu import die_with_parent


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """So many loops; they end with the block, and if this program dies."""
    loops: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            loops.append(subprocess.Popen(["sh", "-c", "while :; do :; done"], preexec_fn=die_with_parent))
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()

# SPDX-License-Identifier: BSD-2-Clause
"""tools/stress on tests made here: what it counts, keeps and says, and that its busy loops end with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tide.suites import TREE

SECONDS = 300
TESTS = """\
import pathlib
import time

HERE = pathlib.Path(__file__).parent

def test_passes():
    pass

def test_fails_once(request):
    (HERE / "left").mkdir(exist_ok=True)
    (HERE / "left/log").write_text("why")
    request.node.user_properties.append(("folder", str(HERE / "left")))
    seen = HERE / "seen"
    assert seen.exists() or seen.touch()

def test_hangs():
    (HERE / "began").touch()
    while (HERE / "hang").exists():
        time.sleep(0.1)
"""


def start(folder: Path, runs: int) -> "subprocess.Popen[str]":
    (folder / "test_made.py").write_text(TESTS)
    command = [sys.executable, TREE / "tools/stress", folder / "build", runs, "qemu", "--", "-n0",
               folder / "test_made.py"]  # fmt: skip
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # fmt: skip


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_each_failure_is_in_the_table(tmp_path: Path) -> None:
    program = start(tmp_path, 3)
    text, _ = program.communicate(timeout=SECONDS)
    assert program.returncode == 1
    kept = tmp_path / "build/stress/run1/left"
    (row,) = text.split("first failure\n")[1].split("\n\n")[0].splitlines()
    runs, failures, test, folder = row.split()
    assert (runs, failures, folder) == ("3", "1", str(kept)) and test.endswith("test_made::test_fails_once")
    assert "8 passed, 1 failed" in text
    assert (kept / "log").read_text() == "why"


def test_interrupt(tmp_path: Path) -> None:
    """The loops end with it, and what was done until then is told."""
    (tmp_path / "hang").touch()
    program = start(tmp_path, 2)
    while not (tmp_path / "began").exists():
        assert program.poll() is None
        time.sleep(0.1)
    begun = children(program.pid)
    assert len(begun) == 5, "four loops, and pytest"
    os.kill(program.pid, signal.SIGINT)
    text, _ = program.communicate(timeout=SECONDS)
    assert program.returncode == 130 and "0 failed" in text
    deadline = time.monotonic() + SECONDS
    while any(Path(f"/proc/{pid}").exists() for pid in begun):
        assert time.monotonic() < deadline, "one of the loops or pytest goes on"
        time.sleep(0.1)

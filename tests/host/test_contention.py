# SPDX-License-Identifier: BSD-2-Clause
"""tests/bench/bench_contend.c for a moment, under ThreadSanitizer, and how its output is read."""

import subprocess

import pytest
from helpers import BUILD
from tide.contention import parse

CASES = [(pattern, threads) for pattern in ("remote-0", "own-0", "own-9", "mix") for threads in (1, 2, 4)]


def contend(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [BUILD / "tsan/bench/bench_contend", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


def test_every_pattern_runs() -> None:
    """The program itself finds whether all frames come back, and ThreadSanitizer whether it is locked."""
    done = contend(4000, 2)
    assert done.returncode == 0, done.stderr
    cases = parse(done.stdout)
    assert [(case.pattern, case.threads) for case in cases] == CASES
    for case in cases:
        assert list(case.samples)[:2] == ["Tide", "buddy"]
        assert all(len(times) == 2 and min(times) > 0 for times in case.samples.values())


@pytest.mark.parametrize("operations", ["3", "524289", "none"])
def test_so_many_operations_are_refused(operations: str) -> None:
    done = contend(operations)
    assert (done.returncode, done.stdout) == (1, "") and "expected 4 to 524288" in done.stderr


def test_ratios_are_of_medians() -> None:
    rounds = "mix 1 30 10\nmix 2 90 45\n" + "mix 1 20 10\nmix 2 10 25\n" + "mix 1 1000 40\nmix 2 60 20\n"
    one, two = parse("pattern threads Tide buddy\n" + rounds)
    assert (one.pattern, one.threads, two.threads) == ("mix", 1, 2)
    assert (one.median("Tide"), one.ratio("buddy")) == (30, 3)
    assert (two.median("Tide"), two.ratio("buddy")) == (60, 2.4)


def test_a_line_with_a_time_missing_is_no_result() -> None:
    with pytest.raises(ValueError):
        parse("pattern threads Tide buddy\nmix 1 30\n")

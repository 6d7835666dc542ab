# SPDX-License-Identifier: BSD-2-Clause
"""The checker of the library's contract: it passes hosts that keep it, and names what a fault breaks."""

import os
import subprocess

import pytest
from helpers import BUILD

# A check that fails ends where it stands.
ENVIRONMENT = os.environ | {"ASAN_OPTIONS": "detect_leaks=0"}


def run(program: str, *arguments: str) -> tuple[int, list[str]]:
    """The status of a program of build/contract, and its lines."""
    done = subprocess.run([BUILD / "contract" / program, *arguments], env=ENVIRONMENT, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, timeout=300)  # fmt: skip
    return done.returncode, done.stdout.splitlines()


def failed(lines: list[str]) -> list[str]:
    """The names of the checks that failed, each with its values."""
    return [line.removeprefix("FAIL ") for line in lines if line.startswith("FAIL ")]


def test_the_reference_passes() -> None:
    status, lines = run("check_reference")
    assert failed(lines) == []
    assert status == 0
    assert len(lines) > 25 and all(line.startswith("ok   ") for line in lines)


def test_each_fault_fails_its_check() -> None:
    _, faults = run("check_reference", "--list")
    assert len(faults) > 30
    for fault, check in (line.split("\t") for line in faults):
        status, lines = run("check_reference", fault)
        names = [text.partition(": ")[0] for text in failed(lines)]
        assert (status, names) == (1, [check]), f"{fault}: {lines}"


@pytest.mark.parametrize("block_mib", ["1", "2", "3", "4"])
def test_tide_passes(block_mib: str) -> None:
    status, lines = run("check_tide", block_mib)
    assert failed(lines) == []
    assert status == 0
    assert [line for line in lines if not line.startswith("ok   ")] == ["skip no wake is lost"]

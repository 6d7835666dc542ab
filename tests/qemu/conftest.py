# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the real image share: starting it, its folder, its log on failure.

A test gets `boot`, a function that starts the image on a machine and waits for
`tide: ready`. Each test has a folder of its own in BUILD/qemu-tests, with the
QEMU command line, the serial log and QEMU's trace. A guest that panicked or
took a trap fails the test, unless that was the test.
"""

import contextlib
import os
import re
import shutil
from pathlib import Path
from typing import Any, Iterator

import pytest
from helpers import BUILD, IMAGE, LIFE_SECONDS, Boot, CheckedGuest
from tide.accel import choose_accel
from tide.machine import Machine, MemDevice
from tide.qemu import Qemu, find_qemu

LOG_LINES = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if items and not IMAGE.exists():
        raise pytest.UsageError(f"{IMAGE} is not there: run `make`, or set TIDE_BUILD")


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Path:
    """The folder of this test, emptied."""
    name = re.sub(r"[^\w.=,-]+", "-", request.node.nodeid.split("tests/qemu/")[-1]).strip("-")
    path = BUILD / "qemu-tests" / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    request.node.user_properties.append(("folder", str(path)))
    return path


@pytest.fixture
def boot(request: pytest.FixtureRequest, folder: Path) -> Iterator[Boot]:
    """Start the image: boot(MemDevice(...), ..., append="...", type="pc", ...) gives a Qemu.

    ready=False does not wait for `tide: ready`; crash=True allows a panic or a trap.
    """
    started: list[tuple[Qemu, bool]] = []
    with contextlib.ExitStack() as stack:

        def start(
            *devices: MemDevice,
            ready: bool = True,
            crash: bool = False,
            image: Path = IMAGE,
            **machine: Any,
        ) -> Qemu:
            whole = Machine(image, devices=list(devices), accel=choose_accel(), **machine)
            place = folder / f"qemu{len(started) + 1}" if started else folder
            qemu = stack.enter_context(Qemu(whole, place, life_seconds=LIFE_SECONDS))
            started.append((qemu, crash))
            qemu.guest = CheckedGuest(qemu.guest.console)
            if ready:
                qemu.guest.wait_ready()
            return qemu

        yield start
        for qemu, crash in started:
            found = re.search(r"^(?:tide> )*(panic|trap): .*$", qemu.guest.console.text, re.MULTILINE)
            assert crash or not found, f"the guest crashed: {found and found.group()}"


@pytest.fixture(scope="session")
def qemu_version() -> tuple[int, ...]:
    """The version of the QEMU under test, for what a version lacks."""
    text = os.popen(f"{find_qemu()} --version").read()
    match = re.search(r"version (\d+)\.(\d+)", text)
    assert match, f"{find_qemu()} --version said '{text}'"
    return tuple(int(part) for part in match.groups())


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show the end of the serial log, and where the rest is, with a failure."""
    outcome = yield
    report = outcome.get_result()
    path = getattr(item, "funcargs", {}).get("folder")
    if not report.failed or path is None:
        return
    for name in ("serial.log", "trace.log", "qemu.log"):
        log = path / name
        if log.exists() and log.stat().st_size:
            lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
            report.sections.append((f"the end of {log}", "\n".join(lines)))

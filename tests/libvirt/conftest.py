# SPDX-License-Identifier: BSD-2-Clause
"""One libvirt for all tests here, and a folder for each test; see libvirt_host.py."""

import os
import re
import shutil
from pathlib import Path
from typing import Iterator

import pytest
from libvirt_host import HUGE_PAGES_FREE, IMAGES, LOGS, Libvirt, set_huge_pages

TREE = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("TIDE_BUILD", TREE / "build"))
PAGES_OF_SECOND = 1024  # what 2 GiB need


@pytest.fixture(scope="session")
def libvirt() -> Iterator[Libvirt]:
    state = BUILD / "libvirt-tests" / "state"
    shutil.rmtree(state.parent, ignore_errors=True)
    state.mkdir(parents=True)
    with Libvirt(state) as host:
        for image in ("tide.iso", "tide.elf"):
            shutil.copy(BUILD / image, IMAGES)
            (IMAGES / image).chmod(0o644)  # QEMU runs as a user of its own
        yield host


@pytest.fixture
def folder(request: pytest.FixtureRequest, libvirt: Libvirt) -> Iterator[Path]:
    """The folder of this test; a domain's QEMU log joins it."""
    name = re.sub(r"[^\w.=,-]+", "-", request.node.name).strip("-")
    path = BUILD / "libvirt-tests" / name
    path.mkdir()
    request.node.user_properties.append(("folder", str(path)))
    yield path
    for log in (LOGS / "qemu").glob("*.log"):
        shutil.copy(log, path)


@pytest.fixture
def huge_pages() -> Iterator[None]:
    """Enough of them for all of the second device."""
    set_huge_pages(PAGES_OF_SECOND)
    yield
    set_huge_pages(0)
    assert HUGE_PAGES_FREE.read_text().strip() == "0"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show what the guest said with a failure."""
    outcome = yield
    report = outcome.get_result()
    path = getattr(item, "funcargs", {}).get("folder")
    if report.failed and path and (path / "com1.log").exists():
        text = (path / "com1.log").read_text()[-4000:]
        report.sections.append((f"the end of {path / 'com1.log'}", text))

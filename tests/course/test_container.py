# SPDX-License-Identifier: BSD-2-Clause
"""What a student's set-up names can be had: the packages of the text, of tools/setup and of the Containerfile.

The image itself needs a registry and the archive of its day, so it is not built here. What it is built of is held
together: the file, the script that it runs, and the list in the text.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import TREE

SKELETON = TREE / "course/skeleton"
CONTAINERFILE = SKELETON / "Containerfile"
# As Debian's image of a day has it: the archive that changes, and in a comment the archive of that day.
SOURCES = """Types: deb
# http://snapshot.debian.org/archive/debian/{day}T000000Z
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
# http://snapshot.debian.org/archive/debian-security/{day}T000000Z
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
Components: main
"""


def setup_packages(*sets: str) -> set[str]:
    """The packages of these lists of tools/setup."""
    text = (TREE / "tools/setup").read_text()
    lists = [re.search(rf"^needs_{name}='\n(.*?)'$", text, re.MULTILINE | re.DOTALL) for name in sets]
    return {line.split()[0] for found in lists if found for line in found.group(1).splitlines()}


def instructions() -> list[tuple[str, str]]:
    """The Containerfile's instructions with their arguments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", CONTAINERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line]


def test_the_text_names_what_the_script_installs() -> None:
    told = re.search(r"ask for these packages: `(.*)`", (SKELETON / "README.md").read_text())
    assert told
    assert set(told.group(1).split()) == setup_packages("run", "course")


def test_each_package_can_be_had() -> None:
    if not shutil.which("apt-cache") or not any(Path("/var/lib/apt/lists").glob("*Packages*")):
        pytest.skip("this system has no lists of Debian's or Ubuntu's packages")
    names = sorted(setup_packages("run", "course"))
    policy = subprocess.run(["apt-cache", "policy", *names], capture_output=True, text=True, check=True,
                            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}).stdout  # fmt: skip
    candidates = dict(re.findall(r"^(\S+):\n  Installed: .*\n  Candidate: (.*)$", policy, re.MULTILINE))
    assert [name for name in names if candidates.get(name, "(none)") == "(none)"] == []


def test_the_image_takes_the_archive_of_its_day(tmp_path: Path) -> None:
    """The file's own first command, on the sources that the image of FROM has."""
    named = dict(instructions())
    day = re.fullmatch(r"docker\.io/library/debian:bookworm-(\d{8})-slim", named["FROM"])
    assert day, "FROM names an image of one day"
    sources = tmp_path / "debian.sources"
    sources.write_text(SOURCES.format(day=day.group(1)))
    first = next(argument for name, argument in instructions() if name == "RUN")
    command = first.replace("/etc/apt/sources.list.d/debian.sources", str(sources))
    command = command.replace("/etc/apt/apt.conf.d", str(tmp_path))
    assert "/etc/" not in command
    subprocess.run(["sh", "-ec", command], check=True)
    archives = re.findall(r"^URIs: (\S+)$", sources.read_text(), re.MULTILINE)
    host = "http://snapshot.debian.org/archive"
    assert archives == [f"{host}/debian/{day.group(1)}T000000Z", f"{host}/debian-security/{day.group(1)}T000000Z"]
    assert 'Check-Valid-Until "false"' in (tmp_path / "99archive").read_text()


def test_the_image_runs_the_script_that_it_is_given() -> None:
    """What is copied is in a student's tree and not left out of the build's context; what is run is what was copied."""
    copied = [argument.split() for name, argument in instructions() if name == "COPY"]
    assert copied == [["tools/setup", "/usr/local/bin/tide-setup"]]
    ignored = (SKELETON / ".dockerignore").read_text().splitlines()
    assert "*" in ignored and "!tools/setup" in ignored
    assert any("tide-setup course" in argument for name, argument in instructions() if name == "RUN")

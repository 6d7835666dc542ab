# SPDX-License-Identifier: BSD-2-Clause
"""drivers/virtio: the lists of sources name the files that are there, and the version is the same everywhere."""

import re
import subprocess

from helpers import TREE

LIBRARY = TREE / "drivers/virtio"
FOLDERS = {"VMEM_CORE": "core", "VMEM_PCI": "pci", "VMEM_MMIO": "mmio", "VMEM_MEM": "mem",
           "VMEM_BALLOON": "balloon"}  # fmt: skip


def text_of(name: str) -> str:
    return (LIBRARY / name).read_text()


def make_list(name: str) -> list[str]:
    """A variable of files.mk."""
    command = ["make", "-s", "-f", LIBRARY / "files.mk", "--eval", f"print:;@echo $({name})", "print"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def meson_list(name: str) -> list[str]:
    """A variable of meson.build, whose names are in lower case."""
    match = re.search(rf"^{name.lower()} = files\(([^)]*)\)", text_of("meson.build"), re.MULTILINE)
    assert match, f"meson.build has no {name.lower()}"
    return re.findall(r"'([^']+)'", match.group(1))


def test_the_lists_name_every_source() -> None:
    for name, folder in FOLDERS.items():
        there = sorted(path.relative_to(LIBRARY).as_posix() for path in (LIBRARY / folder).glob("*.c"))
        assert sorted(make_list(name)) == there
        assert sorted(meson_list(name)) == there


def test_there_is_one_version() -> None:
    in_header = re.search(r'#define VMEM_VERSION "(.*)"', text_of("include/vmem/vmem.h"))
    in_meson = re.search(r"version: '([^']*)'", text_of("meson.build"))
    in_changelog = re.search(r"^## (\S+)", text_of("CHANGELOG.md"), re.MULTILINE)
    assert in_header and in_meson and in_changelog
    assert in_header.group(1) == in_meson.group(1) == in_changelog.group(1)

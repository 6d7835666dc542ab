# SPDX-License-Identifier: BSD-2-Clause
"""A student's tree: the part of Tide that a lab needs, with the bodies of the listed functions taken out.

Nothing in it is written by hand twice: sources and tools are Tide's own files, course/skeleton/ and the
lab's tests lie over them by their paths. A file that is as in Tide keeps its time, so that objects
built of it can be taken along (tests/course does).
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from .lab import Lab, LabError, read_lab
from .source import emptied

# What a student's tree has of Tide; the rest is Tide's own upkeep, or shows an answer.
FOLDERS = ("boot", "arch", "include", "lib", "mm", "drivers", "kernel", "monitor", "extras", "docs", "tests/unit",
           "tests/fakes", "tests/walk", "tests/bench", "tools/tide", "tools/tide_course", "tools/tide_gdb", "tools/plugin")  # fmt: skip
FILES = ("Makefile", "linker.ld", "LICENSE", ".clang-format", ".gitignore", "pytest.ini", "tests/qemu/conftest.py",
         "tests/qemu/helpers.py", "tools/setup", "tools/run", "tools/shell", "tools/gdb", "tools/resize", "tools/test",
         "tools/grade")  # fmt: skip
LECTURER = ("tests/unit/coverage.mk", "tools/tide_course/skeleton.py", "tools/tide_course/answers.py",
            "tools/tide_course/source.py", "tools/tide/mutants.py", "tools/tide/mutation.py",
            "tools/tide/proofs.py")  # fmt: skip
# Targets whose tools stay with Tide, or need more than `tools/setup course` installs, by the file that has them.
TARGETS = {
    "Makefile": ("setup", "iso", "test", "test-unit", "test-qemu", "test-libvirt", "test-tools", "lint", "book", "bench"),
    "tests/bench/bench.mk": ("ledger", "readme"),
    "tests/walk/walk.mk": ("walk",),
}

IDENTITY = ("-c", "user.name=Tide course", "-c", "user.email=course@tide.invalid", "-c", "commit.gpgsign=false")


def _listed(tree: Path) -> list[str]:
    """The files of Tide's tree, new ones too; a copy that is no git repository has what is there."""
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                           cwd=tree, capture_output=True, text=True, check=True).stdout  # fmt: skip
    return [name for name in names.split("\0") if name and (tree / name).exists()]


def _is_students(name: str) -> bool:
    return name not in LECTURER and (name in FILES or name.startswith(tuple(f"{folder}/" for folder in FOLDERS)))


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def _rewrite(path: Path, text: str) -> None:
    """Another text for a file that is as old as the one it comes from."""
    times = path.stat()
    path.write_text(text)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _drop_targets(folder: Path) -> None:
    for name, targets in TARGETS.items():
        text = (folder / name).read_text()
        for target in targets:
            text, count = re.subn(rf"^{target}:.*\n(?:\t.*\n|#.*\n)*\n?", "", text, flags=re.MULTILINE)
            if count != 1:
                raise LabError(f"{name}: {target}: found {count} times, expected once")
        _rewrite(folder / name, text)


def copy_tree(tree: Path, folder: Path) -> None:
    """What all labs share. The folder must not be there, or be empty."""
    if folder.exists() and any(folder.iterdir()):
        raise LabError(f"{folder} is not empty")
    for name in filter(_is_students, _listed(tree)):
        _put(tree / name, folder / name)
    over = tree / "course/skeleton"
    for path in sorted(over.rglob("*")):
        if path.is_file():
            _put(path, folder / path.relative_to(over))
    _drop_targets(folder)


def add_lab(tree: Path, lab_folder: Path, folder: Path) -> Lab:
    """The lab's text, points and tests; the functions are still there."""
    lab = read_lab(lab_folder)
    own = folder / lab_folder.relative_to(tree)
    for name in ("README.md", "lab.toml"):
        _put(lab_folder / name, own / name)
    for path in sorted((lab_folder / "tests").rglob("*")):
        if path.is_file():
            _put(path, folder / path.relative_to(lab_folder))
    for name in {test.pytest.partition("::")[0] for test in lab.tests if test.pytest}:
        if (tree / name).exists():  # a test of Tide's own
            _put(tree / name, folder / name)
    readme = (folder / "README.md").read_text()
    writes = "\n".join(f"- `{write.file}`: {', '.join(f'`{name}`' for name in write.functions)}" for write in lab.writes)
    for word, value in (("@NUMBER@", str(lab.number)), ("@TITLE@", lab.title), ("@NAME@", lab.name), ("@WRITE@", writes)):
        readme = readme.replace(word, value)
    (folder / "README.md").write_text(readme)
    return lab


def empty_functions(lab: Lab, folder: Path) -> None:
    """Take out what the student is to write."""
    for write in lab.writes:
        path = folder / write.file
        text = path.read_text()
        for name in write.functions:
            text = emptied(text, name)
        path.write_text(text)


def commit(folder: Path, message: str) -> None:
    """One commit, in a repository that knows nothing of another one."""
    for command in (("init", "-q", "-b", "main"), ("add", "-A"), (*IDENTITY, "commit", "-q", "-m", message)):
        subprocess.run(["git", *command], cwd=folder, check=True)

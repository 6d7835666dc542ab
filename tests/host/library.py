# SPDX-License-Identifier: BSD-2-Clause
"""The promises of drivers/virtio to an embedder, as checks of a folder: each gives its complaints.

The folder has files.mk and meson.build, which list its sources, the public
headers in include/vmem, and nothing that it needs from outside but the host
functions. The compilers are asked, not the text, wherever they know better.
"""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Iterable

from tide.lint_calls import Unit, code_of, unit_of

PARTS = ("VMEM_CORE", "VMEM_PCI", "VMEM_MMIO", "VMEM_MEM", "VMEM_BALLOON")
TRANSPORTS = {"VMEM_PCI": "pci.h", "VMEM_MMIO": "mmio.h"}  # and the header that has the host functions of each
PREFIX = "vmem_"
MEMORY_FUNCTIONS = {"memcpy", "memmove", "memset", "memcmp"}  # a compiler may call any of them, or none
FREESTANDING = {"float.h", "iso646.h", "limits.h", "stdalign.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h",
                "stdnoreturn.h"}  # fmt: skip

WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wformat", "-Werror")
CODE = ("-std=gnu11", "-O2", "-fno-pic", "-fno-stack-protector")
CLANG = ("clang-14", "-ffreestanding", "-nostdlibinc")
COMPILERS = {
    "x86-64": (*CLANG, "--target=x86_64-unknown-none-elf"),
    "aarch64": (*CLANG, "--target=aarch64-none-elf"),
    "riscv64": (*CLANG, "--target=riscv64-unknown-elf"),
    "gcc": ("gcc", "-ffreestanding", "-fstrict-aliasing", "-Wstrict-aliasing"),
}
HEADER_LANGUAGES = {
    "C11": ("-x", "c", "-std=c11", "-pedantic"),
    "C++17": ("-x", "c++", "-std=c++17", "-pedantic"),
}


def run_all(commands: Iterable[list[str]]) -> list[str]:
    """What the compilers say, several at a time: no line if all are content."""

    def output(command: list[str]) -> list[str]:
        done = subprocess.run(command, capture_output=True, text=True)
        lines = (done.stdout + done.stderr).splitlines()
        return lines if done.returncode == 0 else lines or [f"{command[-1]}: status {done.returncode}"]

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return [line for lines in pool.map(output, commands) for line in lines]


# ---- lists of sources ----


def sources(folder: Path, *parts: str) -> list[str]:
    """The sources that files.mk lists in these variables, as make reads them."""
    words = " ".join(f"$({part})" for part in parts)
    makefile = f"include files.mk\nall:\n\t@echo {words}\n"
    done = subprocess.run(["make", "-s", "-f", "-", "all"], cwd=folder, input=makefile, capture_output=True,
                          text=True, check=True, env={"PATH": os.environ["PATH"]})  # fmt: skip
    return done.stdout.split()


def listing_complaints(folder: Path) -> list[str]:
    """files.mk and meson.build list each C file of the folder, once."""
    there = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.c"))
    meson = re.sub(r"#.*", "", (folder / "meson.build").read_text())
    complaints = []
    for name, listed in (("files.mk", sources(folder, *PARTS)), ("meson.build", re.findall(r"'([^']+\.c)'", meson))):
        complaints += [f"{name}: does not list {source}" for source in there if source not in listed]
        complaints += [f"{name}: lists {source}, which is not there" for source in listed if source not in there]
        complaints += [f"{name}: lists {source} twice" for source in there if listed.count(source) > 1]
    return complaints


# ---- compilers ----


def include_complaints(folder: Path) -> list[str]:
    """An include line names a file of the folder (of include/ in a public header), or a freestanding header."""
    complaints = []
    public = folder / "include"
    for path in sorted([*folder.rglob("*.c"), *folder.rglob("*.h")]):
        own = public if path.is_relative_to(public) else folder
        for line in path.read_text().splitlines():
            match = re.match(r'\s*#\s*include\s+["<]([^">]+)[">]', line)
            if not match or match[1] in FREESTANDING:
                continue
            found = [(place / match[1]).resolve() for place in (path.parent, public) if (place / match[1]).is_file()]
            if not any(file.is_relative_to(own.resolve()) for file in found):
                complaints.append(f"{path.relative_to(folder)}: {match[1]}: neither of the library nor freestanding")
    return complaints


def header_complaints(folder: Path, language: str) -> list[str]:
    """What the compiler says of each public header that is the only one of its file."""
    headers = sorted((folder / "include").rglob("*.h"))
    return run_all([*COMPILERS["x86-64"], *HEADER_LANGUAGES[language], *WARNINGS, "-fsyntax-only",
                    f"-I{folder / 'include'}", "-include", str(header), os.devnull] for header in headers)  # fmt: skip


def compile_complaints(folder: Path, objects: Path, compiler: str) -> list[str]:
    """What the compiler says of the sources, whose objects go to `objects`."""
    commands = []
    for source in sources(folder, *PARTS):
        output = objects / f"{source}.o"
        output.parent.mkdir(parents=True, exist_ok=True)
        commands.append([*COMPILERS[compiler], *CODE, *WARNINGS, f"-I{folder / 'include'}", "-c", "-o", str(output),
                         str(folder / source)])  # fmt: skip
    return run_all(commands)


# ---- symbols ----


def nm_lines(objects: Path, names: Iterable[str]) -> list[str]:
    """nm's lines of the objects of these sources taken together, a line a symbol."""
    done = subprocess.run(["nm", "-A", "-P", *(f"{name}.o" for name in names)], cwd=objects, capture_output=True,
                          text=True, check=True)  # fmt: skip
    return [line.partition(": ")[2] for line in done.stdout.splitlines()]


def host_functions(folder: Path, *headers: str) -> set[str]:
    """The functions that these public headers ask the host for."""
    paths = [folder / "include/vmem" / header for header in headers]
    return {name for path in paths if path.exists() for name in re.findall(r"\b(vmem_host_\w+)\s*\(", code_of(path.read_text()))}


def symbol_complaints(folder: Path, objects: Path, left_out: str = "") -> list[str]:
    """Globals without the prefix; what is undefined and no host function, or the reverse. One transport may be left out."""
    parts = [part for part in PARTS if part != left_out]
    headers = ["host.h", *(header for part, header in TRANSPORTS.items() if part != left_out)]
    unit: Unit = unit_of("the library", nm_lines(objects, sources(folder, *parts)))
    defined = unit.functions | unit.data
    undefined = unit.uses - defined - MEMORY_FUNCTIONS
    host = host_functions(folder, *headers)
    return [
        *(f"{name}: a global symbol without the prefix {PREFIX}" for name in sorted(defined) if not name.startswith(PREFIX)),
        *(f"{name}: undefined, and no host function" for name in sorted(undefined - host)),
        *(f"{name}: a host function that the library does not call" for name in sorted(host - undefined)),
    ]


def data_complaints(folder: Path, objects: Path) -> list[str]:
    """Variables that all devices would share, private ones too."""
    lines = (line.split() for line in nm_lines(objects, sources(folder, *PARTS)))
    return [f"{name}: a variable that all devices share" for name, letter, *_ in lines if letter in "DdBbC"]

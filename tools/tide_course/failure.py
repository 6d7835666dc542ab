# SPDX-License-Identifier: BSD-2-Clause
"""What a test's output says, in one line: why it failed, and where."""

import re
from pathlib import Path

_MISSING = re.compile(r"lab: (\w+\(\) of \S+ is yours to write)")
_SAID = re.compile(r"^(?:ERROR: |\[  ERROR   \] --- (?!\[)|E   )(.*\w.*)$", re.MULTILINE)
_PLACE = re.compile(r"\[   LINE   \] --- (\S+:\d+): error")
_HAS_PLACE = re.compile(r"\.[ch]:\d+")
_COMPILER = re.compile(r"^(\S+?:\d+(?::\d+)?: (?:fatal )?error: .*|.*undefined reference.*)$", re.MULTILINE)
_COMPLAINT = re.compile(r"^(\S+?):\d+(?::\d+)?: (?:warning|(?:fatal )?error): .*$", re.MULTILINE)
_SANITIZER = ("ERROR: AddressSanitizer", "runtime error:", "WARNING: ThreadSanitizer")
_NEGATIVE = re.compile(r"\b0xffffffffffffff([0-9a-f]{2})\b")  # cmocka prints a status so
_STATUS = re.compile(r"^ *(E_\w+) = (-\d+),", re.MULTILINE)


def _with_names(text: str, tree: Path) -> str:
    """Numbers that are a status, as include/status.h names them."""
    names = {int(value): name for name, value in _STATUS.findall((tree / "include/status.h").read_text())}

    def named(found: re.Match[str]) -> str:
        value = int(found.group(1), 16) - 256
        return names.get(value, str(value))

    return _NEGATIVE.sub(named, text)


def why(output: str, status: int, tree: Path) -> str:
    """Why a test failed that ended with `status`."""
    missing = _MISSING.search(output)
    if missing:
        return missing.group(1)
    said = _SAID.search(output)
    if said:
        place = _PLACE.search(output)
        text = _with_names(said.group(1).strip(), tree)
        return f"{text}, at {place.group(1)}" if place and not _HAS_PLACE.search(text) else text
    for line in output.splitlines():
        if any(word in line for word in _SANITIZER):
            return line.strip().replace(f"{tree}/", "")
    return f"it ended with status {status}"


def why_not_built(build_output: str) -> str:
    """The compiler's or the linker's first error; empty if there is none."""
    error = _COMPILER.search(build_output)
    return error.group(1) if error else ""


def complaints(build_output: str, files: set[str]) -> list[str]:
    """The compiler's warnings and errors about these files, each once: a file is compiled for the kernel and for the tests."""
    return list(dict.fromkeys(found.group(0) for found in _COMPLAINT.finditer(build_output) if found.group(1) in files))

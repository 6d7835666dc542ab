# SPDX-License-Identifier: BSD-2-Clause
"""Kinds of values in a scenario: each reads a TOML value or says what is allowed."""

import difflib
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import Any, Callable

from tide.qemu import find_qemu
from tide.units import format_size, parse_size


class Refused(Exception):
    """A value that its kind does not take; the kind's `allowed` says what it does."""


@dataclass(frozen=True)
class Kind:
    """A kind of value: what a person may write, and how it is read."""

    allowed: str
    read: Callable[[Any], Any]


@dataclass(frozen=True)
class Key:
    """One key of a table. A default of ... means that it must be given."""

    kind: Kind
    default: Any
    help: str


def text() -> Kind:
    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise Refused
        return value.strip()

    return Kind("a text in quotes", read)


def name() -> Kind:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9-]{0,15}", value):
            raise Refused
        return value

    return Kind("a name of 1 to 16 small letters, digits and hyphens", read)


def choice(*names: str) -> Kind:
    def read(value: Any) -> str:
        if value not in names:
            raise Refused
        return value

    return Kind("one of " + ", ".join(f'"{name}"' for name in names), read)


def boolean() -> Kind:
    def read(value: Any) -> bool:
        if not isinstance(value, bool):
            raise Refused
        return value

    return Kind("true or false", read)


def integer(low: int, high: int) -> Kind:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Refused
        return value

    return Kind(f"a whole number from {low} to {high}", read)


def number(low: float, high: float) -> Kind:
    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise Refused
        return float(value)

    return Kind(f"a number from {low:g} to {high:g}", read)


def integers(low: int, high: int) -> Kind:
    one = integer(low, high)

    def read(value: Any) -> list[int]:
        if not isinstance(value, list) or not value:
            raise Refused
        return [one.read(item) for item in value]

    return Kind(f"a list of whole numbers from {low} to {high}", read)


def size(low: int, multiple: int = 1, power: bool = False) -> Kind:
    """A size in bytes, as text with a unit ("512M") or as a number of bytes."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise Refused
        try:
            number = value if isinstance(value, int) else parse_size(value)
        except ValueError as error:
            raise Refused from error
        if number < low or number % multiple or (power and number & (number - 1)):
            raise Refused
        return number

    words = 'a size such as "512M" or "2G" (powers of 1024, as "2GiB")'
    if power:
        words += ", a power of two"
    if multiple > 1:
        words += f", a multiple of {format_size(multiple)}"
    return Kind(words + (f", at least {format_size(low)}" if low else ""), read)


@cache
def qemu_names(option: str) -> frozenset[str]:
    """What `QEMU OPTION help` lists; nothing where QEMU is not there to be asked."""
    try:
        told = subprocess.run([find_qemu(), option, "help"], capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return frozenset()
    listed = told.partition("\n\n")[0].splitlines()[1:]
    return frozenset(line.removeprefix("x86 ").split()[0] for line in listed if line.strip())


def qemu_name(option: str) -> Kind:
    """A name that QEMU knows, with options behind it: "pc,acpi=off"."""

    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise Refused
        names = qemu_names(option)
        if names and value.strip().partition(",")[0] not in names:
            raise Refused
        return value.strip()

    return Kind(f"a name that `qemu-system-x86_64 {option} help` lists, with options behind it", read)


_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min)")


def duration() -> Kind:
    """Seconds, from "500ms", "2s", "1.5 s" or "3min"."""

    def read(value: Any) -> float:
        match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
        if not match:
            raise Refused
        return float(match[1]) * {"ms": 0.001, "s": 1.0, "min": 60.0}[match[2]]

    return Kind('a time with its unit, such as "500ms", "2s" or "1min"', read)


def nearest(name: str, names: list[str]) -> str:
    """ "; did you mean 'x'?" where a known name is close, else nothing."""
    close = difflib.get_close_matches(name, names, 1)
    return f"; did you mean '{close[0]}'?" if close else ""

# SPDX-License-Identifier: BSD-2-Clause
"""Sizes in bytes, as people write them: 512M, 1G, 2MiB, 0x200000.

Units are powers of 1024. GB and Gb are refused: they are other numbers to some people.
"""

import re

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40

_SUFFIXES = {"": 1, "K": KIB, "M": MIB, "G": GIB, "T": TIB}
_SIZE = re.compile(r"(0x[0-9a-f]+|\d+(?:\.\d+)?)\s*([kmgt]?)(?:(?<=[kmgt])ib)?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """The bytes that `text` names: a number with K, M, G or T (powers of 1024) or none."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise ValueError(f"'{text}' is not a size; expected a number with K, M, G or T (powers of 1024), as in 512M or 512MiB")
    number, suffix = match.groups()
    factor = _SUFFIXES[suffix.upper()]
    if number.lower().startswith("0x"):
        return int(number, 16) * factor
    value = float(number) * factor if "." in number else int(number) * factor
    if value != int(value):
        raise ValueError(f"'{text}' is not a whole number of bytes")
    return int(value)


def format_size(size: int) -> str:
    """The shortest exact name of `size`: "0", "512M", "1.5G", else bytes."""
    for suffix, unit in (("T", TIB), ("G", GIB), ("M", MIB), ("K", KIB)):
        if abs(size) >= unit:
            if size % unit == 0:
                return f"{size // unit}{suffix}"
            hundredths = size * 100
            if hundredths % unit == 0:
                return f"{size / unit:.2f}".rstrip("0") + suffix
    return str(size)


def human_size(size: float) -> str:
    """A rounded size for a person: "38.2 MiB"."""
    sign = "-" if size < 0 else ""
    size = abs(size)
    for suffix, unit in (("TiB", TIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if size >= unit:
            return f"{sign}{size / unit:.1f} {suffix}"
    return f"{sign}{int(size)} B"

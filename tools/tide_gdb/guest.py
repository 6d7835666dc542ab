# SPDX-License-Identifier: BSD-2-Clause
"""What all commands for gdb need of the guest: symbols, structs as a whole, the headers' constants, devices."""

import functools
import re
from pathlib import Path

import gdb

TREE = Path(__file__).resolve().parent.parent.parent
MASK_64 = (1 << 64) - 1


def symbol(name: str, source: str | None = None) -> gdb.Value:
    """A variable; `source` is its file where it is static there."""
    return gdb.parse_and_eval(f"'{source}'::{name}" if source else name)


def address_of(pointer: gdb.Value) -> int:
    """The number of a pointer."""
    return int(pointer) & MASK_64


def read_struct(address: int, name: str) -> gdb.Value:
    """The struct at an address, read at once."""
    value = gdb.Value(address).cast(gdb.lookup_type(f"struct {name}").pointer()).dereference()
    value.fetch_lazy()
    return value


def read_words(address: int, nr_words: int) -> list[int]:
    """64-bit words of memory."""
    data = bytes(gdb.selected_inferior().read_memory(address, 8 * nr_words))
    return [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]


@functools.cache
def constants(header: str) -> dict[str, int]:
    """The numbers that a header of the tree defines by #define; one may be made of others before it."""
    found: dict[str, int] = {}
    for name, text in re.findall(r"^#define +(\w+) +([^\n]*)$", (TREE / header).read_text(), re.MULTILINE):
        text = re.sub(r"/\*.*|\(u\d+\)", "", text).strip()
        text = re.sub(r"\b(0x[0-9a-f]+|\d+)u\b", r"\1", text)
        if re.fullmatch(r"[\w ()|<+*-]+", text) and all(
            word in found or word[0].isdigit() for word in re.findall(r"\w+", text)
        ):
            found[name] = int(eval(text, {}, found))
    return found


def devices() -> list[tuple[str, gdb.Value]]:
    """The name and the struct vmem_device of each device that is in use."""
    table = symbol("devices", "kernel/devices.c")
    entries = [table[i] for i in range(int(symbol("devices_nr")))]
    return [(entry["name"].string(), entry["vmem"].dereference()) for entry in entries if address_of(entry["vmem"])]


def bytes_text(size: int) -> str:
    """A size: 2M."""
    for suffix, shift in (("T", 40), ("G", 30), ("M", 20), ("K", 10)):
        if size and size % (1 << shift) == 0:
            return f"{size >> shift}{suffix}"
    return str(size)


def enum_name(value: gdb.Value, prefix: str) -> str:
    """The name of an enum's value without what all have in common."""
    return str(value).removeprefix(prefix)

# SPDX-License-Identifier: BSD-2-Clause
"""Commands for gdb: tide-blocks, tide-ring, tide-page. `tools/gdb` sources this file.

By hand: gdb build/tide.elf -ex 'source tools/tide_gdb/commands.py'. They read the guest's memory and change
nothing. What a struct holds they know from the symbols, so the image must be the one that runs.
"""

import sys
from pathlib import Path
from typing import Callable

import gdb

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tide_gdb import blocks, guest, page, ring  # noqa: E402


def _about_devices(argument: str, describe: Callable[[str, gdb.Value], None]) -> None:
    devices = guest.devices()
    names = [name for name, _ in devices]
    if argument and argument not in names:
        raise gdb.GdbError(f"'{argument}' is no device that is in use; there is {', '.join(names) or 'none'}")
    if not devices:
        print("No virtio-mem device is in use.")
    for name, vmem in devices:
        if argument in ("", name):
            describe(name, vmem)


class Blocks(gdb.Command):
    """tide-blocks [DEVICE]: the block map of each virtio-mem device, in runs of blocks that are alike.

A block is unplugged, online, or in doubt. Of online blocks it is said whether their frames are in use."""

    def __init__(self) -> None:
        super().__init__("tide-blocks", gdb.COMMAND_DATA)

    def invoke(self, argument: str, _: bool) -> None:
        _about_devices(argument.strip(), blocks.describe)


class Ring(gdb.Command):
    """tide-ring [DEVICE]: the virtqueue of each virtio-mem device, with the requests that are in it.

What the driver believes stands beside what the ring's memory holds."""

    def __init__(self) -> None:
        super().__init__("tide-ring", gdb.COMMAND_DATA)

    def invoke(self, argument: str, _: bool) -> None:
        _about_devices(argument.strip(), ring.describe)


class Page(gdb.Command):
    """tide-page ADDRESS: what lies at an address.

The page tables, the block, the pageblock and the frame. ADDRESS is an expression: 0x140005000, $rsp, kmain, &devices_nr."""

    def __init__(self) -> None:
        super().__init__("tide-page", gdb.COMMAND_DATA)

    def invoke(self, argument: str, _: bool) -> None:
        if not argument.strip():
            raise gdb.GdbError("expected an address, as in: tide-page 0x140005000")
        value = gdb.parse_and_eval(argument)
        if value.type.code not in (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_FUNC):
            raise gdb.GdbError(f"'{argument}' is {value.type}: expected a number, a pointer or a function")
        is_function = value.type.code == gdb.TYPE_CODE_FUNC
        page.describe(guest.address_of(value.address if is_function else value))


Blocks()
Ring()
Page()

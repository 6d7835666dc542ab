# SPDX-License-Identifier: BSD-2-Clause
"""tide-blocks: the block map of a device, and what its online blocks hold."""

from itertools import groupby

import gdb

from . import guest
from .page import PAGE, Frames


def _classes(vmem: gdb.Value) -> list[str]:
    """What each block is, in words that are the same for blocks that are alike."""
    block_map, config = vmem["map"], vmem["config"]
    base, size = int(config["region_base"]), int(config["block_bytes"])
    nr_blocks = int(block_map["nr_blocks"])
    nr_words = (nr_blocks + 63) // 64
    online = guest.read_words(guest.address_of(block_map["online"]), nr_words)
    in_doubt = guest.read_words(guest.address_of(block_map["in_doubt"]), nr_words)
    frames = Frames()
    found = []
    for block in range(nr_blocks):
        if online[block // 64] >> block % 64 & 1:
            used = frames.nr_used(base + block * size, size)
            what = "all" if used == size // PAGE else "some" if used else "none"
            found.append(f"online, {what} of its frames in use")
        else:
            found.append("in doubt" if in_doubt[block // 64] >> block % 64 & 1 else "unplugged")
    return found


def describe(name: str, vmem: gdb.Value) -> None:
    """Print one device."""
    block_map, config = vmem["map"], vmem["config"]
    base, size, nr_blocks = int(config["region_base"]), int(config["block_bytes"]), int(block_map["nr_blocks"])
    state = guest.enum_name(vmem["state"], "VMEM_STATE_")
    region = f"region {base:#x} +{guest.bytes_text(int(config['region_bytes']))}, block {guest.bytes_text(size)}"
    print(f"{name}: {state}, {region}, requested {guest.bytes_text(int(config['requested_bytes']))}")
    nr_online, nr_in_doubt = int(block_map["nr_online"]), int(block_map["nr_in_doubt"])
    print(f"  {nr_blocks} blocks: {nr_online} online, {nr_in_doubt} in doubt, "
          f"{nr_blocks - nr_online - nr_in_doubt} unplugged")  # fmt: skip
    if not nr_blocks:
        return
    first = 0
    for what, run in groupby(_classes(vmem)):
        length = sum(1 for _ in run)
        print(f"  {first:7} to {first + length - 1:7}  {base + first * size:#014x}  {what}")
        first += length

# SPDX-License-Identifier: BSD-2-Clause
"""The file that the instruction plugin counts in, as its reader sees it."""

import struct
import subprocess
from pathlib import Path

import pytest
from tide.insn_count import InsnCount, address_of


def test_the_longest_pass_is_since_it_was_asked_last(tmp_path: Path) -> None:
    file = tmp_path / "counts"
    count = InsnCount(tmp_path / "plugin.so", file)
    file.write_bytes(struct.pack("<4Q", 1 << 40, 4711, 99, 2 << 33))
    assert (count.instructions(), count.blocks()) == (1 << 40, 2 << 33)
    assert (count.longest(), count.longest()) == (4711, 0)
    assert struct.unpack("<4Q", file.read_bytes()) == (1 << 40, 0, 99, 2 << 33), "the plugin's other numbers stay"


def test_a_mark_is_the_address_of_a_function(tmp_path: Path) -> None:
    source = tmp_path / "image.c"
    source.write_text("int turn_on(void) { return 1; }\nint turn(void) { return 2; }\nint main(void) { return turn(); }\n")
    image = tmp_path / "image"
    link = ["-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x400000", "-Wl,-eturn"]
    subprocess.run(["gcc", "-O0", *link, "-o", image, source], check=True)
    address = address_of(image, "turn")
    assert 0x400000 < address < 0x401000
    count = InsnCount(Path("insn_count.so"), Path("counts"))
    assert count.arguments() == ["-plugin", "insn_count.so,count=counts"]
    assert count.arguments(image, "turn") == ["-plugin", f"insn_count.so,count=counts,mark={address:#x}"]
    with pytest.raises(KeyError):
        address_of(image, "urn")

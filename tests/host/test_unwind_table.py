# SPDX-License-Identifier: BSD-2-Clause
"""extras/backtrace: from what readelf lists of the functions' stacks to the table in the image."""

import subprocess
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent.parent
FOLDER = TREE / "extras/backtrace"

# A leaf, a gap, a function that saves rbp, its part that is seldom run, far away, and one with a frame pointer.
LISTING = """\
Contents of the .debug_frame section:


00000000 0000000000000014 ffffffff CIE "" cf=1 df=-8 ra=16
   LOC           CFA      ra
0000000000000000 rsp+8    c-8

00000018 0000000000000014 00000000 FDE cie=00000000 pc=0000000000100100..0000000000100110

00000030 000000000000003c 00000000 FDE cie=00000000 pc=0000000000100120..0000000000100140
   LOC           CFA      rbx   rbp   r12   ra
0000000000100120 rsp+8    u     u     u     c-8
0000000000100121 rsp+16   u     u     c-16  c-8
0000000000100122 rsp+32   u     c-24  c-16  c-8
0000000000100124 rsp+32   c-32  c-24  c-16  c-8

00000070 000000000000002c 00000000 FDE cie=00000000 pc=0000000000100200..0000000000100210
   LOC           CFA      rbx   rbp   ra
0000000000100200 rsp+112  c-32  c-24  c-8

000000a0 000000000000002c 00000000 FDE cie=00000000 pc=0000000000100140..0000000000100150
   LOC           CFA      rbp   ra
0000000000100140 rsp+8    u     c-8
0000000000100141 rsp+16   c-16  c-8
0000000000100144 rbp+16   c-16  c-8
000000000010014e exp      c-16  c-8
"""

# Address, base (0: unknown, 1: rsp, 2: rbp), bytes to the frame's end, words from there to the saved rbp.
ROWS = [
    (0x100100, 1, 8, 0),
    (0x100110, 0, 0, 0),
    (0x100120, 1, 8, 0),
    (0x100121, 1, 16, 0),
    (0x100122, 1, 32, 3),
    (0x100140, 1, 8, 0),
    (0x100141, 1, 16, 2),
    (0x100144, 2, 16, 2),
    (0x10014E, 0, 0, 0),
    (0x100200, 1, 112, 3),
    (0x100210, 0, 0, 0),
]


def awk(script: str, text: str) -> str:
    return subprocess.run(["awk", "-f", str(FOLDER / script)], input=text, capture_output=True, text=True, check=True).stdout


def test_rows_of_the_table() -> None:
    lines = sorted(awk("frames.awk", LISTING).splitlines(keepends=True))
    words = awk("rows.awk", "".join(lines)).replace(",", "").split()
    longs, shorts, bytes_at = ([i for i, word in enumerate(words) if word == kind] for kind in (".long", ".short", ".byte"))
    rows = [(int(words[a + 1], 16), int(words[c + 1]), int(words[b + 1]), int(words[c + 2]))
            for a, b, c in zip(longs, shorts, bytes_at, strict=True)]  # fmt: skip
    assert rows == ROWS

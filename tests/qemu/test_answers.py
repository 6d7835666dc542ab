# SPDX-License-Identifier: BSD-2-Clause
"""The answer to a command with a tag: all of it, and no line that comes at the same time."""

from helpers import Boot
from tide.machine import MemDevice
from tide.units import MIB


def test_log_lines_are_no_part_of_an_answer(boot: Boot) -> None:
    """Resizes and the start of other processors write all the while."""
    qemu = boot(MemDevice("vmem0", 256 * MIB), cpus=4, append="log=vmem:debug")
    expected = qemu.guest.command("help")
    assert expected.endswith("\n") and "vmem0" not in expected
    mark = qemu.guest.console.mark()
    for size in (256, 0, 128, 2, 64, 0) * 5:
        qemu.set_requested("vmem0", size * MIB)
        assert qemu.guest.command("help") == expected
    assert "vmem0: " in qemu.guest.console.text[mark:], "nothing came at the same time"


def test_tags(boot: Boot) -> None:
    qemu = boot()
    assert qemu.guest.command("") == ""
    assert qemu.guest.command("frob") == "error: unknown command 'frob'; 'help' lists them\n"
    start = qemu.guest.send("@sixteen-letters! frob")
    qemu.guest.console.wait(r"^error: '@sixteen-letters!': expected '@' and at most 15 characters$", start)
    start = qemu.guest.send("@fifteen-letter frob")
    qemu.guest.console.wait(r"^@fifteen-letter error: unknown command 'frob'.*\n@fifteen-letter\.$", start)

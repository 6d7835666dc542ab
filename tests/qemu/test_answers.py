# SPDX-License-Identifier: BSD-2-Clause
"""The answer to a command with a tag: all of it, and no line that comes at the same time."""

import itertools
import threading

from helpers import Boot
from tide.machine import MemDevice
from tide.units import MIB


def test_log_lines_are_no_part_of_an_answer(boot: Boot) -> None:
    """Resizes write all the while, before the echo and behind the next prompt."""
    qemu = boot(MemDevice("vmem0", 64 * MIB), append="log=vmem:debug")
    expected = qemu.guest.command("help")
    assert expected.startswith("  help ") and "vmem0" not in expected
    asked = threading.Event()

    def resize_on_and_on() -> None:
        for size in itertools.cycle((64 * MIB, 0)):
            if asked.is_set():
                break
            qemu.set_requested("vmem0", size)

    host = threading.Thread(target=resize_on_and_on)
    host.start()
    try:
        for _ in range(50):
            assert qemu.guest.command("free 7") == "error: free: no such holding\n"
            assert qemu.guest.command("help") == expected
    finally:
        asked.set()
        host.join()


def test_tags(boot: Boot) -> None:
    qemu = boot()
    assert qemu.guest.command("") == ""
    assert qemu.guest.command("frob") == "error: unknown command 'frob'; 'help' lists them\n"
    start = qemu.guest.send("@sixteen-letters! frob")
    qemu.guest.console.wait(r"^error: '@sixteen-letters!': expected '@' and at most 15 characters$", start)
    start = qemu.guest.send("@fifteen-letter frob")
    qemu.guest.console.wait(r"^@fifteen-letter error: unknown command 'frob'.*\n@fifteen-letter\.$", start)

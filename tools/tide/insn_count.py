# SPDX-License-Identifier: BSD-2-Clause
"""Guest instructions, as the TCG plugin of tools/plugin/insn_count.c counts them into a file."""

import subprocess
from pathlib import Path


class InsnCount:
    """The plugin of one machine, and what it has counted.

    A mark is the name of a function of the image that runs once in each pass of a loop.
    """

    def __init__(self, plugin: Path, path: Path):
        self._plugin = plugin
        self._path = path

    def arguments(self, image: Path | None = None, mark: str | None = None) -> list[str]:
        """What QEMU is told."""
        option = f"{self._plugin},count={self._path}"
        if image is not None and mark is not None:
            option += f",mark={address_of(image, mark):#x}"
        return ["-plugin", option]

    def instructions(self) -> int:
        """What all processors have run since the machine's start."""
        return int.from_bytes(self._path.read_bytes()[:8], "little")

    def blocks(self) -> int:
        """The blocks that QEMU has translated, with a mark those before it was first executed."""
        return int.from_bytes(self._path.read_bytes()[24:32], "little")

    def longest(self) -> int:
        """The most that ran from one execution of the mark to the next, since this was asked last."""
        with open(self._path, "r+b") as file:
            file.seek(8)
            longest = int.from_bytes(file.read(8), "little")
            file.seek(8)
            file.write(bytes(8))
        return longest


def address_of(image: Path, function: str) -> int:
    listing = subprocess.run(["nm", str(image)], capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        address, _, name = line.rpartition(" ")
        if name == function:
            return int(address.split()[0], 16)
    raise KeyError(f"{image} has no function {function}")

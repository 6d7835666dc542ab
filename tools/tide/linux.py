# SPDX-License-Identifier: BSD-2-Clause
"""The Linux guest that tools/linux-guest builds: how it is booted, and its monitor."""

from pathlib import Path

from .guest import Guest

BOOT_SECONDS = 300


class GuestMissing(ValueError):
    """A file to boot is missing; the message says how to get it."""


class LinuxMonitor(Guest):
    """The program that tools/linux-guest puts into the Linux guest; it talks as Tide's monitor does."""

    prompt = "linux> "

    def wait_ready(self, wait_seconds: float = BOOT_SECONDS) -> None:
        self.console.wait(r"^linux: ready$", 0, wait_seconds)


class LinuxFiles:
    """The folder that tools/linux-guest filled."""

    def __init__(self, built: Path):
        self.kernel = built / "vmlinuz"
        self.initrd = built / "initrd.gz"
        self._version = built / "version"
        if not self.kernel.exists() or not self.initrd.exists():
            raise GuestMissing(f"there is no Linux guest in {built}: run tools/linux-guest first")

    def version(self) -> str | None:
        """The kernel's package and its version, as in linux-image-6.1.0-57-amd64_6.1.192-3_amd64."""
        return self._version.read_text().strip() if self._version.exists() else None


def command_line(init_on_alloc: bool, memhp_default_state: str, more: str = "") -> str:
    """What -append tells Linux. On a busy host its look at the timer would find none, and panic."""
    words = ["console=ttyS0", "quiet", "loglevel=4", "panic=-1", "no_timer_check", f"init_on_alloc={int(init_on_alloc)}",
             f"memhp_default_state={memhp_default_state}"]  # fmt: skip
    return " ".join([*words, more] if more else words)

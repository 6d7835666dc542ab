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
    """The folder that tools/linux-guest filled, with a kernel or an initrd of the user's where one is given."""

    def __init__(self, built: Path, kernel: Path | None = None, initrd: Path | None = None):
        self.kernel = kernel or built / "vmlinuz"
        self.initrd = initrd or built / "initrd.gz"
        self.own = [path for path in (kernel, initrd) if path]
        self._version = built / "version"
        for path in self.own:
            if not path.is_file():
                raise GuestMissing(f"there is no {path}: expected a kernel image, or an initrd for it")
        if not self.kernel.exists() or not self.initrd.exists():
            raise GuestMissing(f"there is no Linux guest in {built}: run tools/linux-guest first")

    def version(self) -> str | None:
        """The kernel's package and its version, as in linux-image-6.1.0-57-amd64_6.1.192-3_amd64, or the user's file."""
        if self.own:
            return ", ".join(str(path) for path in self.own)
        return self._version.read_text().strip() if self._version.exists() else None


def command_line(init_on_alloc: bool, memhp_default_state: str, more: str = "") -> str:
    """What -append tells Linux. On a busy host its look at the timer would find none, and panic."""
    words = ["console=ttyS0", "quiet", "loglevel=4", "panic=-1", "no_timer_check", f"init_on_alloc={int(init_on_alloc)}",
             f"memhp_default_state={memhp_default_state}"]  # fmt: skip
    return " ".join([*words, more] if more else words)

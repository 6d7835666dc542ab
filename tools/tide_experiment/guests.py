# SPDX-License-Identifier: BSD-2-Clause
"""The guests of an experiment, behind one interface: what to boot, and how to drive it."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from tide.guest import Console, Guest
from tide.linux import GuestMissing, LinuxFiles, LinuxMonitor, command_line
from tide.machine import Machine, MemDevice
from tide.qemu import Qemu

from . import folder, guestlines
from .scenario import Variant

COMMAND_SECONDS = 300
EXIT_OK = 33
EXIT_CHECK_FAILED = 35


@dataclass
class Boot:
    """What QEMU is told of a guest."""

    kernel: Path
    append: str
    extra: list[str]


def machine_for(variant: Variant, boot: Boot, accel: str, run: Path) -> Machine:
    """The machine of a variant; files of file backends lie in the run folder."""
    devices = [
        MemDevice(
            id=one["id"], size=one["size"], block=one["block"], requested=one["requested"],
            backend=one["backend"], reserve=one["reserve"], node=one["node"],
            file=run / f"{one['id']}.mem" if one["backend"] == "file" else None,
        )
        for one in variant.devices
    ]  # fmt: skip
    settings = variant.machine
    nodes = max([one["node"] or 0 for one in variant.devices])
    numa: list[str] = []
    if nodes:
        numa = ["-object", f"memory-backend-ram,id=boot,size={settings['memory']}"]
        numa += ["-numa", "node,nodeid=0,memdev=boot"]
        numa += [part for node in range(1, nodes + 1) for part in ("-numa", f"node,nodeid={node}")]
    return Machine(
        boot.kernel, type=settings["type"], cpu=settings["cpu"], memory=settings["memory"],
        cpus=settings["cpus"], devices=devices, append=boot.append, accel=accel,
        extra=numa + boot.extra,
    )  # fmt: skip


def workload_words(workload: dict[str, Any], seed: int) -> str:
    """A workload as the guests' `workload` command takes it."""
    words = [workload["kind"], f"seed={seed}"]
    for name, value in workload.items():
        if name == "tick":
            words.append(f"tick={round(value * 1000)}")
        elif name != "kind":
            words.append(f"{name}={value}")
    return " ".join(words)


class TideGuest:
    """Tide itself."""

    name = "tide"

    def __init__(self, image: Path | None = None):
        self.image = image or folder.build_folder() / "tide.elf"

    def boot(self, variant: Variant) -> Boot:
        if not self.image.exists():
            raise GuestMissing(f"there is no {self.image}: run `make` first, or name it with --image")
        return Boot(self.image, "", [])

    def versions(self) -> dict[str, Any]:
        return {"tide": folder.tree_version(), "image_sha256": folder.fingerprint(self.image)}

    def monitor(self, console: Console) -> Guest:
        return Guest(console)

    def view_command(self, qemu: Qemu) -> str:
        return "occupancy"

    def wait_quiet(self, qemu: Qemu, sizes: dict[str, int], start: int, count: Callable[[], int]) -> None:
        """Until the guest has done all that the resize brings: it says so itself."""
        for device, size in sizes.items():
            qemu.guest.wait_settled(device, size, start, COMMAND_SECONDS)


class LinuxGuest:
    """The Linux guest that tools/linux-guest built."""

    name = "linux"

    def __init__(self, built: Path | None = None):
        self.built = built or folder.build_folder() / "linux"

    def boot(self, variant: Variant) -> Boot:
        files = LinuxFiles(self.built)
        options = variant.linux
        append = command_line(options["init_on_alloc"], options["memhp_default_state"], options["append"])
        return Boot(files.kernel, append, ["-initrd", str(files.initrd)])

    def versions(self) -> dict[str, Any]:
        return {"linux": LinuxFiles(self.built).version()}

    def monitor(self, console: Console) -> Guest:
        return LinuxMonitor(console)

    def view_command(self, qemu: Qemu) -> str:
        """The host names the regions: the guest has no good way to know them."""
        words = ["occupancy"]
        for device in qemu.machine.devices:
            base = qemu.qmp.get(device.id, "memaddr")
            words.append(f"{device.id}:{base:#x}:{device.size}:{device.block}")
        return " ".join(words)

    def wait_quiet(self, qemu: Qemu, sizes: dict[str, int], start: int, count: Callable[[], int]) -> None:
        """Until the guest runs next to nothing: Linux takes memory online after the device has plugged it."""
        deadline = time.monotonic() + 5
        before = count()
        while time.monotonic() < deadline:
            time.sleep(0.05)
            now = count()
            if now - before < 400_000:
                return
            before = now


GUESTS: dict[str, type[TideGuest] | type[LinuxGuest]] = {"tide": TideGuest, "linux": LinuxGuest}


def read_view(monitor: Guest, command: str) -> guestlines.View:
    """Ask the guest for its view; one answer that was garbled on the way is asked for again."""
    for _ in range(3):
        view = guestlines.parse(monitor.command(command, COMMAND_SECONDS))
        if not view.garbled and view.total and view.workload:
            break
    return view


def remove_backends(run: Path) -> None:
    for path in run.glob("*.mem"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

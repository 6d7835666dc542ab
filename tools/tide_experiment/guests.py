# SPDX-License-Identifier: BSD-2-Clause
"""The guests of an experiment, behind one interface: what to boot, and how to drive it."""

import json
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
from .sizes import balloon_arguments

COMMAND_SECONDS = 300
EXIT_OK = 33
EXIT_CHECK_FAILED = 35


@dataclass
class Boot:
    """What QEMU is told of a guest."""

    kernel: Path
    append: str
    extra: list[str]


def devices_of(variant: Variant, run: Path) -> list[MemDevice]:
    """A variant's devices; files of file backends lie in the run folder."""
    return [
        MemDevice(
            id=one["id"], size=one["size"], block=one["block"], requested=one["requested"],
            backend=one["backend"], reserve=one["reserve"], node=one["node"],
            file=run / f"{one['id']}.mem" if one["backend"] == "file" else None,
        )
        for one in variant.devices
    ]  # fmt: skip


def machine_for(variant: Variant, boot: Boot, accel: str, devices: list[MemDevice]) -> Machine:
    """The machine of a variant. Without virtio-mem its devices are boot memory."""
    settings = variant.machine
    nodes = max([one["node"] or 0 for one in variant.devices])
    numa: list[str] = []
    if nodes:
        numa = ["-object", f"memory-backend-ram,id=boot,size={settings['memory']}"]
        numa += ["-numa", "node,nodeid=0,memdev=boot"]
        numa += [part for node in range(1, nodes + 1) for part in ("-numa", f"node,nodeid={node}")]
    memory = settings["memory"]
    if not variant.mechanism.startswith("virtio-mem"):
        memory, devices = memory + sum(device.size for device in devices), []
    return Machine(
        boot.kernel, type=settings["type"], cpu=settings["cpu"], memory=memory,
        cpus=settings["cpus"], devices=devices, append=boot.append, accel=accel,
        extra=numa + boot.extra + balloon_arguments(variant.mechanism),
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

    def versions(self, variant: Variant) -> dict[str, Any]:
        return {"tide": folder.tree_version(), "image_sha256": folder.fingerprint(self.image)}

    def monitor(self, console: Console) -> Guest:
        return Guest(console)

    def view_command(self, qemu: Qemu) -> str:
        return "occupancy"

    def wait_quiet(self, qemu: Qemu, sizes: dict[str, int], start: int, count: Callable[[], int]) -> None:
        """Until the guest has done all that the resize brings: it says so itself."""
        for device, size in sizes.items() if qemu.machine.devices else ():
            qemu.guest.wait_settled(device, size, start, COMMAND_SECONDS)


class LinuxGuest:
    """The Linux guest that tools/linux-guest built, or a kernel and an initrd that take the place of its own."""

    name = "linux"

    def __init__(self, built: Path | None = None, kernel: Path | None = None, initrd: Path | None = None):
        self.built = built or folder.build_folder() / "linux"
        self.kernel = kernel
        self.initrd = initrd

    def files(self, variant: Variant) -> LinuxFiles:
        """What is booted: the command line's files before the scenario's, and these before the built ones."""
        own = [given or (Path(variant.linux[name]) if variant.linux[name] else None)
               for name, given in (("kernel", self.kernel), ("initrd", self.initrd))]  # fmt: skip
        return LinuxFiles(self.built, *own)

    def boot(self, variant: Variant) -> Boot:
        files = self.files(variant)
        options = variant.linux
        append = command_line(options["init_on_alloc"], options["memhp_default_state"], options["append"])
        extra = ["-initrd", str(files.initrd)]
        if options["disk"]:
            node = {"driver": "null-co", "node-name": "disk", "size": options["disk"], "read-zeroes": True}
            extra += ["-blockdev", json.dumps(node), "-device", "virtio-blk-pci,drive=disk"]
        return Boot(files.kernel, append, extra)

    def versions(self, variant: Variant) -> dict[str, Any]:
        files = self.files(variant)
        own = {f"{path.name}_sha256": folder.fingerprint(path) for path in files.own}
        return {"linux": files.version()} | own

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

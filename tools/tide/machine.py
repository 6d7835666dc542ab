# SPDX-License-Identifier: BSD-2-Clause
"""What machine to start, as data, and the QEMU command line for it."""

from dataclasses import dataclass, field
from pathlib import Path

from .units import GIB, MIB


@dataclass
class MemDevice:
    """One virtio-mem device and its backend. Sizes are bytes."""

    id: str = "vmem0"
    size: int = 2 * GIB
    block: int = 2 * MIB
    requested: int = 0
    backend: str = "ram"  # ram, memfd or file
    file: Path | None = None  # of a file backend
    reserve: bool = True
    share: bool = False  # of a ram backend, the others are: the host takes no huge pages for it
    prealloc: bool = False
    node: int | None = None
    bus: str | None = None
    addr: str | None = None
    memaddr: int | None = None
    options: dict[str, str] = field(default_factory=dict)  # further ones of -device

    def arguments(self) -> list[str]:
        """The -object and -device of this device."""
        memory = [f"memory-backend-{self.backend}", f"id={self.id}-mem", f"size={self.size}"]
        if self.file is not None:
            memory.append(f"mem-path={self.file}")
        if self.share or self.backend != "ram":
            memory.append("share=on")
        if not self.reserve:
            memory.append("reserve=off")
        device = ["virtio-mem-pci", f"id={self.id}", f"memdev={self.id}-mem"]
        device += [f"block-size={self.block}", f"requested-size={self.requested}"]
        if self.prealloc:
            device.append("prealloc=on")
        for key in ("node", "bus", "addr", "memaddr"):
            value = getattr(self, key)
            if value is not None:
                device.append(f"{key}={value}")
        device += [f"{key}={value}" for key, value in self.options.items()]
        return ["-object", ",".join(memory), "-device", ",".join(device)]


@dataclass
class Machine:
    """A QEMU machine. argv() is all that QEMU is told, but for where the host listens."""

    kernel: Path | None  # by -kernel; None: from what `extra` brings
    type: str = "q35"  # with options, as in "pc,acpi=off"
    cpu: str = "qemu64"
    memory: int = 256 * MIB
    cpus: int = 1
    devices: list[MemDevice] = field(default_factory=list)
    append: str = ""
    bios: str | None = None
    accel: str = "tcg"
    serial: bool = True  # COM1
    exit_device: bool = True  # isa-debug-exit, for QEMU's exit status
    reset_allowed: bool = False  # else a reset, a triple fault's too, ends QEMU
    buses: list[str] = field(default_factory=list)  # -device lines that come before the devices
    extra: list[str] = field(default_factory=list)  # raw arguments, last

    def max_memory(self) -> int:
        """maxmem: room for every device at the alignment QEMU may choose."""
        hotplug = sum(device.size + max(GIB, device.block) for device in self.devices)
        return -(-(self.memory + hotplug) // GIB) * GIB

    def argv(self, qemu: str) -> list[str]:
        memory = f"{self.memory // MIB}M"
        if self.devices:
            memory += f",maxmem={self.max_memory() // MIB}M"
        argv = [qemu, "-nodefaults", "-no-user-config", "-display", "none"]
        argv += ["-machine", self.type, "-accel", self.accel, "-cpu", self.cpu]
        argv += ["-smp", str(self.cpus), "-m", memory]
        if self.exit_device:
            argv += ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
        if not self.reset_allowed:
            argv.append("-no-reboot")
        if self.bios:
            argv += ["-bios", self.bios]
        if self.kernel:
            argv += ["-kernel", str(self.kernel)]
        if self.append:
            argv += ["-append", self.append]
        for bus in self.buses:
            argv += ["-device", bus]
        for device in self.devices:
            argv += device.arguments()
        return argv + self.extra

# SPDX-License-Identifier: BSD-2-Clause
"""The machine of a tool that a person starts: its devices, memory, processors and command line as options.

`make shell` and `make gdb` pass DEVICES, MEMORY, CPUS and APPEND on as these.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from .machine import Machine, MemDevice
from .tool import built, size_argument
from .units import GIB, MIB, parse_size

DEVICE_FORM = "SIZE[,block=SIZE][,requested=SIZE][,NAME=VALUE]..."


def device_argument(text: str) -> MemDevice:
    """A device on a command line: 2G,block=4M,packed=on. What is no size is for QEMU's -device, which checks it."""
    size, *rest = text.split(",")
    try:
        device = MemDevice(size=parse_size(size))
        for word in rest:
            key, equals, value = word.partition("=")
            if not equals:
                raise ValueError(f"'{word}' has no '='")
            if key in ("block", "requested"):
                device = replace(device, **{key: parse_size(value)})
            else:
                device.options[key] = value
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}': {error}; expected {DEVICE_FORM}") from error
    return device


def cpus_argument(text: str) -> int:
    """A number of processors on a command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of processors; expected 1 or more")
    return int(text)


def add_machine_arguments(parser: argparse.ArgumentParser) -> None:
    """Let the parser take what machine_of() reads."""
    parser.add_argument("--device", type=device_argument, action="append", metavar=DEVICE_FORM, dest="devices",
                        help="a virtio-mem device; may repeat (default: one of 2G, in blocks of 2M)")  # fmt: skip
    parser.add_argument("--memory", type=size_argument, default=256 * MIB, metavar="SIZE",
                        help="boot RAM (default: 256M)")  # fmt: skip
    parser.add_argument("--cpus", type=cpus_argument, default=1, metavar="N", help="processors (default: 1)")
    parser.add_argument("--append", default="", metavar="TEXT", help="the kernel's command line")


def machine_of(image: Path, options: argparse.Namespace) -> Machine:
    """The machine of these options: its devices are vmem0, vmem1, ...; it may be reset."""
    devices = [replace(device, id=f"vmem{number}")
               for number, device in enumerate(options.devices or [MemDevice(size=2 * GIB)])]  # fmt: skip
    return Machine(built(image), memory=options.memory, cpus=options.cpus, devices=devices,
                   append=options.append, reset_allowed=True)  # fmt: skip

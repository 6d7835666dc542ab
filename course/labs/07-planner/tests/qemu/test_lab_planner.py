# SPDX-License-Identifier: BSD-2-Clause
"""The planner in the kernel, before QEMU's own device: each of these resizes is one request."""

from helpers import Boot, nr_requests, requests_of
from lab_helpers import resize
from tide.machine import MemDevice
from tide.units import GIB, MIB


def test_follows_the_host(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", size=2 * GIB))
    before = nr_requests(qemu)
    resize(qemu, "vmem0", 512 * MIB)
    qemu.guest.command("alloc 192M")
    resize(qemu, "vmem0", 2 * GIB)
    resize(qemu, "vmem0", 256 * MIB)
    qemu.guest.command("free all")
    resize(qemu, "vmem0", 0)
    assert requests_of(qemu, before) == [("plug", "ack"), ("plug", "ack"), ("unplug", "ack"), ("unplug", "ack")]

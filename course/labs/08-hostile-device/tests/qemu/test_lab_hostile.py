# SPDX-License-Identifier: BSD-2-Clause
"""Your checks refuse nothing that QEMU's own device says, and what it answers is understood."""

from helpers import Boot, nr_requests, requests_of
from lab_helpers import resize
from tide.machine import MemDevice
from tide.units import GIB, MIB


def test_follows_the_host(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0", size=2 * GIB))
    before = nr_requests(qemu)
    for size in (512 * MIB, 2 * GIB, 0):
        resize(qemu, "vmem0", size)
    assert requests_of(qemu, before) == [("plug", "ack"), ("plug", "ack"), ("unplug", "ack")]

# SPDX-License-Identifier: BSD-2-Clause
"""The split ring in the kernel, before QEMU's own device: with the event index and without it."""

import pytest
from helpers import Boot, nr_requests, requests_of
from lab_helpers import resize
from tide.machine import MemDevice
from tide.units import GIB, MIB


@pytest.mark.parametrize("options", ["", "virtio.features=-event_idx"])
def test_follows_the_host(boot: Boot, options: str) -> None:
    qemu = boot(MemDevice("vmem0", size=2 * GIB), append=options)
    before = nr_requests(qemu)
    for size in (512 * MIB, 2 * GIB, 0):
        resize(qemu, "vmem0", size)
    assert requests_of(qemu, before) == [("plug", "ack"), ("plug", "ack"), ("unplug", "ack")]

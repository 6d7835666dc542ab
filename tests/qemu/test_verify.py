# SPDX-License-Identifier: BSD-2-Clause
"""The driver's map against QEMU's own, by STATE requests; and starting with virtio_mem.init=state."""

import pytest
from helpers import Boot, nr_requests, requests_of, resize
from tide.machine import MemDevice
from tide.units import MIB

VERIFIED = r"(?m)^vmem0: verify blocks=(\d+) corrected=0 requests=(\d+)\r?$"


@pytest.mark.parametrize("init", ["unplug", "state"])
def test_verify(boot: Boot, init: str) -> None:
    qemu = boot(MemDevice("vmem0"), append=f"virtio_mem.init={init}")
    resize(qemu, "vmem0", 512 * MIB)
    before = nr_requests(qemu)
    mark = qemu.guest.console.mark()
    qemu.guest.send("verify")
    verified = qemu.guest.console.wait(VERIFIED, mark)
    # The plugged run, and the unplugged rest of the usable region: requested + 256 MiB.
    assert verified.groups() == (str(768 // 2), "2")
    assert [kind for kind, _ in requests_of(qemu, before)] == ["state", "state"]
    resize(qemu, "vmem0", 0)


def test_verify_of_no_device(boot: Boot) -> None:
    qemu = boot(MemDevice("vmem0"))
    assert "vmem7" in qemu.guest.command("verify vmem7")

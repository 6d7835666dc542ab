# SPDX-License-Identifier: BSD-2-Clause
"""The drivers as a host program against QEMU's own device, with no guest (tests/qtest)."""

import os
import subprocess

from helpers import BUILD
from tide.qemu import find_qemu


def test_drivers_and_fake_agree_with_qemu() -> None:
    done = subprocess.run(
        [BUILD / "qtest/test_qemu_device"],
        env=os.environ | {"QEMU": find_qemu()},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 test(s) run" in done.stderr + done.stdout

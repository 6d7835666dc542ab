# SPDX-License-Identifier: BSD-2-Clause
"""Which accelerator to run QEMU with.

A /dev/kvm without vmx or svm among the processor's flags exists on some
machines and hangs a guest, so both are asked for.
"""

import os
import re
from pathlib import Path

ACCELERATORS = ("kvm", "tcg")


def kvm_works(cpuinfo: Path = Path("/proc/cpuinfo"), device: Path = Path("/dev/kvm")) -> bool:
    """True where the processor has vmx or svm and /dev/kvm opens."""
    try:
        flags = re.search(r"^flags\s*:.*\b(vmx|svm)\b", cpuinfo.read_text(), re.MULTILINE)
        if not flags:
            return False
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def choose_accel() -> str:
    """The environment's ACCEL, else KVM where it works, else TCG."""
    wanted = os.environ.get("ACCEL", "")
    if wanted:
        if wanted not in ACCELERATORS:
            raise ValueError(f"ACCEL={wanted}: expected kvm or tcg")
        return wanted
    return "kvm" if kvm_works() else "tcg"

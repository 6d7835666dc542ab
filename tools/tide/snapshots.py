# SPDX-License-Identifier: BSD-2-Clause
"""savevm and loadvm by QMP, into an image that QEMU makes itself and that no device of the guest uses."""

import itertools
from pathlib import Path

from .qemu import Qemu, QemuFailed
from .units import GIB

NODE = "snapshots"
IMAGE_BYTES = 16 * GIB  # it is sparse
_jobs = itertools.count(1)


def _run_job(qemu: Qemu, command: str, **arguments: object) -> None:
    """Start a job and wait for its end."""
    job = f"job{next(_jobs)}"
    qemu.qmp.execute(command, job_id=job, **arguments)
    states: dict[str, str] = {}

    def concluded() -> bool:
        states.update({entry["id"]: entry["status"] for entry in qemu.qmp.execute("query-jobs")})
        return states.get(job) == "concluded"

    qemu.wait_for(concluded, f"{command} to end")
    found = next(entry for entry in qemu.qmp.execute("query-jobs") if entry["id"] == job)
    qemu.qmp.execute("job-dismiss", id=job)
    if "error" in found:
        raise QemuFailed(f"{command}: {found['error']}")


def add_image(qemu: Qemu, file: Path) -> None:
    """A qcow2 image for snapshots, once for each QEMU."""
    _run_job(qemu, "blockdev-create", options={"driver": "file", "filename": str(file), "size": 0})
    qemu.qmp.execute("blockdev-add", driver="file", node_name="file", filename=str(file))
    _run_job(qemu, "blockdev-create", options={"driver": "qcow2", "file": "file", "size": IMAGE_BYTES})
    qemu.qmp.execute("blockdev-add", driver="qcow2", node_name=NODE, file="file")


def save(qemu: Qemu, tag: str) -> None:
    _run_job(qemu, "snapshot-save", tag=tag, vmstate=NODE, devices=[NODE])


def load(qemu: Qemu, tag: str) -> None:
    """The guest runs afterwards if it ran before."""
    running = qemu.qmp.execute("query-status")["running"]
    _run_job(qemu, "snapshot-load", tag=tag, vmstate=NODE, devices=[NODE])
    qemu.wait_for(lambda: qemu.qmp.execute("query-status")["running"] == running, "the guest to run")

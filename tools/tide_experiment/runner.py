# SPDX-License-Identifier: BSD-2-Clause
"""One run: one start of QEMU, its schedule step by step, and what is left behind.

However a run ends, its folder says how: complete, failed (a page had the wrong
content), crashed (QEMU or the guest went away), interrupted (by the user).
"""

import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from tide.accel import choose_accel
from tide.guest import Guest, GuestFailed, without_tags
from tide.linux import BOOT_SECONDS
from tide.machine import Machine
from tide.qemu import Qemu, QemuFailed, find_qemu
from tide.qmp import QmpClosed, QmpError

from . import folder
from .guests import (
    COMMAND_SECONDS, EXIT_CHECK_FAILED, EXIT_OK, LinuxGuest, TideGuest, machine_for,
    remove_backends, workload_words,
)  # fmt: skip
from .recorder import Counter, Moment, Recorder, Usage
from .scenario import Scenario, Step, Variant

POLL_SECONDS = 0.0005
MIGRATION_BYTES_PER_SECOND = 4096  # slow enough to go on until it is cancelled


class WrongContent(Exception):
    """The guest found a page whose content is not what was written."""


@dataclass
class Plan:
    """One run to do."""

    variant: Variant
    seed: int
    repetition: int

    @property
    def guest(self) -> str:
        return self.variant.guest

    def folder_name(self) -> str:
        variant = re.sub(r"[^A-Za-z0-9.=]+", "-", self.variant.name).strip("-")
        parts = [self.guest, variant, f"seed{self.seed}", f"{self.repetition}"]
        return "_".join(part for part in parts if part)


def plan_runs(scenarios: list[Scenario]) -> list[Plan]:
    """Every run, interleaved: the guests of a comparison take turns, variant by variant."""
    first = scenarios[0]
    return [
        Plan(scenario.variants[index], seed, repetition)
        for repetition in range(1, first.repetitions + 1)
        for seed in first.seeds
        for index in range(len(first.variants))
        for scenario in scenarios
    ]


class Run:
    """Carries out one plan in its folder."""

    def __init__(
        self,
        plan: Plan,
        guest: TideGuest | LinuxGuest,
        run: Path,
        observe: Callable[[Plan, Moment, int, Guest], None] | None = None,
        via: str = "qmp",
    ):
        self.plan = plan
        self.guest = guest
        self.folder = run
        self.observe = observe
        self.via = via
        self.meta: dict[str, Any] = {}
        self.rows: list[dict[str, Any]] = []
        self.qemu: Qemu
        self.monitor: Guest
        self.recorder: Recorder

    def do(self) -> dict[str, Any]:
        """Run it; gives the meta data as written. KeyboardInterrupt goes on, after the meta data."""
        self.folder.mkdir(parents=True)
        self.meta = {
            "status": "running",
            "reason": None,
            "missing": [],
            "pid": os.getpid(),
            "guest": self.plan.guest,
            "variant": self.plan.variant.name,
            "keys": self.plan.variant.keys,
            "seed": self.plan.seed,
            "repetition": self.plan.repetition,
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "devices": self.plan.variant.devices,
            "machine": self.plan.variant.machine,
            "workload": self.plan.variant.workload,
            "steps": len(self.plan.variant.steps),
        }
        folder.write_json(self.folder / "meta.json", self.meta)
        try:
            self._boot()
            self._end("complete", None)
        except KeyboardInterrupt:
            self._end("interrupted", "by the user")
            raise
        except WrongContent as error:
            self._end("failed", str(error))
        except (GuestFailed, QemuFailed, QmpClosed, QmpError, TimeoutError, OSError) as error:
            self._end("crashed", str(error))
        return self.meta

    def _end(self, status: str, reason: str | None) -> None:
        missing = folder.missing_files(self.folder)
        done = len({row["step"] for row in self.rows})
        if done < self.meta["steps"]:
            missing.append(f"steps {done} to {self.meta['steps'] - 1}")
        self.meta |= {
            "status": status,
            "reason": reason,
            "missing": missing,
            "ended": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }
        del self.meta["pid"]
        remove_backends(self.folder)
        folder.write_json(self.folder / "meta.json", self.meta)

    def _boot(self) -> None:
        variant = self.plan.variant
        accel = choose_accel()
        boot = self.guest.boot(variant)
        machine = machine_for(variant, boot, accel, self.folder)
        counter = None
        plugin = folder.build_folder() / "plugin" / "insn_count.so"
        if variant.record["instructions"] and accel == "tcg" and plugin.exists():
            counter = Counter(self.folder / "instructions")
            machine.extra += ["-plugin", f"{plugin},count={counter.path}"]
            if machine.cpus > 1:
                machine.accel = "tcg,thread=single"  # the count is not atomic
        with self._start(machine, counter) as qemu:
            self.qemu = qemu
            self.meta["versions"] = {
                "qemu": ".".join(str(part) for part in qemu.qmp.version),
                "python": sys.version.split()[0],
            } | self.guest.versions()
            self.meta |= {"via": self.via, "accel": machine.accel, "qemu": find_qemu(), "host": folder.host_facts()}
            self.meta["instructions_counted"] = counter is not None
            folder.write_json(self.folder / "meta.json", self.meta)
            self.monitor = self.guest.monitor(qemu.guest.console)
            qemu.guest = self.monitor
            try:
                self.monitor.wait_ready(BOOT_SECONDS)
                self._drive(counter)
            finally:
                # QEMU's own log repeats characters where its socket was full for a moment.
                (self.folder / "serial.log").write_text(without_tags(self.monitor.console.text))
        if counter:
            counter.path.unlink(missing_ok=True)

    def _start(self, machine: Machine, counter: Counter | None) -> Any:
        """QEMU itself, or libvirt, which starts it."""
        if self.via == "qmp":
            return Qemu(machine, self.folder)
        from .via_libvirt import LibvirtQemu  # python3-libvirt is needed only here

        return LibvirtQemu(machine, self.folder, counter)

    def _drive(self, counter: Counter | None) -> None:
        variant = self.plan.variant
        command = self.guest.view_command(self.qemu)

        def observe(moment: Moment, step: int) -> None:
            if self.observe:
                self.observe(self.plan, moment, step, self.monitor)

        self.recorder = Recorder(self.qemu, self.monitor, command, counter, variant.record, observe)
        try:
            for index, step in enumerate(variant.steps):
                self._step(index, step)
            self._finish()
        finally:
            self.recorder.close()

    def _finish(self) -> None:
        """Check and free what the workload holds, and let the guest end."""
        if self.plan.variant.workload:
            self.monitor.command("workload stop", COMMAND_SECONDS)
            self.recorder.moment(ask_guest=True)
        self._check_content()
        self.monitor.send("exit")
        status = self.qemu.wait_exit(COMMAND_SECONDS)
        if status == EXIT_CHECK_FAILED:
            raise WrongContent("the guest ended with the status of a wrong page")
        if status != EXIT_OK:
            raise GuestFailed(f"QEMU ended with status {status}, expected {EXIT_OK}")

    def _check_content(self) -> None:
        said = re.search(r"workload: error .*", self.monitor.console.text)
        if said:
            raise WrongContent(said[0])

    # ---- one step ----

    def _step(self, index: int, step: Step) -> None:
        recorder = self.recorder
        usage = recorder.begin_step(index)
        self._migration(step)
        self._workload(step)
        if step.requested and step.workload:
            usage = recorder.begin_step(index)  # what the workload cost is not the resize's
        mark = self.monitor.console.mark()
        began = time.monotonic()
        for device, size in step.requested.items():
            self.qemu.set_requested(device, size)
        if step.requested and step.until == "settled":
            self._wait_settled(step, usage, began, mark)
        if step.until == "time":
            self._stay(step.hold)
        measured = recorder.moment(ask_guest=False)
        if step.until == "settled":
            self._stay(step.hold)
        after = recorder.moment(ask_guest=True)
        self._check_content()
        self.rows += recorder.end_step(step, usage, after, measured)

    def _wait_settled(self, step: Step, usage: Usage, began: float, mark: int) -> None:
        """Wait for the sizes. The guest is not asked meanwhile, since that costs it instructions,
        unless a workload runs: then these say little anyway, and the picture would be wrong."""
        waiting = dict(step.requested)
        ask_guest = self._workload_runs()
        while waiting and time.monotonic() - began < step.timeout:
            for device, size in list(waiting.items()):
                if self.qemu.size(device) == size:
                    usage.settle_ms[device] = 1000 * (time.monotonic() - began)
                    del waiting[device]
            self.recorder.sample_if_due(ask_guest)
            time.sleep(POLL_SECONDS)
        changed = {d: s for d, s in step.requested.items() if usage.before.size[d] != s}
        if not waiting and changed and self.recorder.counter and not self._workload_runs():
            self.guest.wait_quiet(self.qemu, changed, mark, self.recorder.counter)

    def _workload_runs(self) -> bool:
        view = self.recorder.last_view
        return bool(view and view.workload and view.workload.state == "running")

    def _stay(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.recorder.sample_if_due(ask_guest=True)
            time.sleep(min(0.01, max(end - time.monotonic(), 0)))

    def _workload(self, step: Step) -> None:
        if step.workload == "start" and self.plan.variant.workload:
            words = workload_words(self.plan.variant.workload, self.plan.seed)
            answer = self.monitor.command(f"workload {words}", COMMAND_SECONDS)
            if "error" in answer:
                raise GuestFailed(f"workload {words}: {answer.strip()}")
        elif step.workload == "wait":
            self._wait_workload(step)
        elif step.workload == "stop":
            self.monitor.command("workload stop", COMMAND_SECONDS)

    def _wait_workload(self, step: Step) -> None:
        """Until the workload is done; one without an end is done when it holds what it wants."""
        end = time.monotonic() + step.timeout
        while time.monotonic() < end:
            moment = self.recorder.sample_if_due(ask_guest=True)
            workload = moment.view.workload if moment and moment.view else None
            self._check_content()
            if workload and (workload.state != "running" or self._is_steady(workload)):
                return
            time.sleep(0.01)
        raise GuestFailed(f"the workload was not done after {step.timeout:g} s (the step's timeout)")

    def _is_steady(self, workload: Any) -> bool:
        kind = (self.plan.variant.workload or {}).get("kind")
        return kind == "steady" and (workload.held == workload.target or workload.denied > 0)

    def _migration(self, step: Step) -> None:
        """A migration to nowhere: while it goes on, the device answers every request with BUSY."""
        if step.migration == "start":
            self.qemu.qmp.execute("migrate-set-parameters", max_bandwidth=MIGRATION_BYTES_PER_SECOND)
            self.qemu.qmp.execute("migrate", uri="exec:cat >/dev/null")
            self._wait_migration("active", step.timeout)
        elif step.migration == "cancel":
            self.qemu.qmp.execute("migrate_cancel")
            self._wait_migration("cancelled", step.timeout)

    def _wait_migration(self, status: str, timeout: float) -> None:
        def reached() -> bool:
            return self.qemu.qmp.execute("query-migrate").get("status") == status

        self.qemu.wait_for(reached, f"the migration to be {status}", timeout)

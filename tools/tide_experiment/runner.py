# SPDX-License-Identifier: BSD-2-Clause
"""One run: one start of QEMU, its schedule step by step, and what is left behind.

However a run ends, its folder says how: complete, failed (a page had the wrong
content), crashed (QEMU or the guest went away), interrupted (by the user).
"""

import os
import re
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from tide.accel import choose_accel
from tide.guest import Guest, GuestFailed, without_tags
from tide.linux import BOOT_SECONDS
from tide.machine import Machine, MemDevice
from tide.qemu import Qemu, QemuFailed, find_qemu
from tide.qmp import QmpClosed, QmpError

from . import demand, folder
from .guests import (
    COMMAND_SECONDS, EXIT_CHECK_FAILED, EXIT_OK, LinuxGuest, TideGuest, devices_of, machine_for,
    remove_backends, workload_words,
)  # fmt: skip
from .recorder import Counter, Moment, Recorder, Usage
from .scenario import Scenario, Step, Variant
from .sizes import Sizes, sizes_of, what_guest_lacks
from .steering import DecisionFile, RunMachine, Steering
from .together import Company, OthersFailed

POLL_SECONDS = 0.0005
DRIVER_SECONDS = 5  # after the prompt
FIRST_SIZE_SECONDS = 60
MIGRATION_AT_MOST = 1 << 40  # bytes a second: no limit
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
        parts = [self.guest, variant, f"seed{self.seed}", f"{self.repetition}", self.variant.member]
        return "_".join(part for part in parts if part)

    def each(self) -> "list[Plan]":
        """A plan for each of its guests."""
        return [Plan(variant, self.seed, self.repetition) for variant in self.variant.each()]


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
        company: Company | None = None,
    ):
        self.plan = plan
        self.company = company or Company(plan.variant)
        self.guest = guest
        self.folder = run
        self.observe = observe
        self.via = via
        self.meta: dict[str, Any] = {}
        self.rows: list[dict[str, Any]] = []
        self._interrupted = False
        self.qemu: Qemu
        self.monitor: Guest
        self.recorder: Recorder
        self.devices: list[MemDevice] = []
        self.sizes: Sizes
        self.steering: Steering | None = None
        self.demand: demand.Demand = []  # what of the trace is still to come, by the clock
        self.demanded = 0.0  # when the workload was last told what the trace wants
        self.decisions: DecisionFile | None = None

    def do(self) -> dict[str, Any]:
        """Run it; gives the meta data as written."""
        self.folder.mkdir(parents=True)
        self.meta = {
            "status": "running",
            "reason": None,
            "missing": [],
            "pid": os.getpid(),
            "guest": self.plan.guest,
            "member": self.plan.variant.member,
            "mechanism": self.plan.variant.mechanism,
            "group": self.company.name,
            "of": self.plan.variant.name,
            "variant": self._variant_name(),
            "keys": self._keys(),
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
        except WrongContent as error:
            self._end("failed", str(error))
        except (GuestFailed, QemuFailed, QmpClosed, QmpError, OthersFailed, TimeoutError, OSError) as error:
            if self._interrupted:
                self._end("interrupted", "by the user")
            else:
                self._end("crashed", str(error))
        finally:
            self.company.leave(self.plan.variant.label)
        return self.meta

    def _keys(self) -> dict[str, Any]:
        """The swept keys; one of several guests is told from the others as if its name were swept."""
        member = self.plan.variant.member
        return self.plan.variant.keys | ({"guest": member} if member else {})

    def _variant_name(self) -> str:
        return ",".join(f"{key}={value}" for key, value in self._keys().items())

    def interrupt(self) -> None:
        """End the run from another thread: its QEMU is killed, and what was recorded stays."""
        self._interrupted = True
        if hasattr(self, "qemu"):
            try:
                os.kill(self.qemu.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended by itself

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
        self.devices = devices_of(variant, self.folder)
        machine = machine_for(variant, boot, accel, self.devices)
        counter = None
        plugin = folder.build_folder() / "plugin" / "insn_count.so"
        if variant.record["instructions"] and accel == "tcg" and plugin.exists():
            counter = Counter(self.folder / "instructions")
            machine.extra += ["-plugin", f"{plugin},count={counter.path}"]
            if machine.cpus > 1:
                machine.accel = "tcg,thread=single"  # the count is not atomic
        with self._start(machine, counter) as qemu:
            self.qemu = qemu
            if self._interrupted:
                raise QemuFailed("not begun")
            if self.company.cgroup:
                self.company.cgroup.add(qemu.process.pid)
            self.meta["versions"] = {
                "qemu": ".".join(str(part) for part in qemu.qmp.version),
                "python": sys.version.split()[0],
            } | self.guest.versions(variant)
            self.meta |= {"via": self.via, "accel": machine.accel, "qemu": find_qemu(), "host": folder.host_facts()}
            self.meta["instructions_counted"] = counter is not None
            folder.write_json(self.folder / "meta.json", self.meta)
            self.monitor = self.guest.monitor(qemu.guest.console)
            qemu.guest = self.monitor
            try:
                self.monitor.wait_ready(BOOT_SECONDS)
                self._ask_drivers()
                self.company.meet()
                self._drive(counter)
            finally:
                # QEMU's own log repeats characters where its socket was full for a moment.
                (self.folder / "serial.log").write_text(without_tags(self.monitor.console.text))
        if counter:
            counter.path.unlink(missing_ok=True)

    def _ask_drivers(self) -> None:
        """A guest that cannot do what the scenario measures ends the run at once."""
        end = time.monotonic() + DRIVER_SECONDS
        while (lacking := what_guest_lacks(self.plan.variant.mechanism, self.qemu.qmp)) and time.monotonic() < end:
            time.sleep(0.05)
        if lacking:
            raise GuestFailed(lacking)

    def _start(self, machine: Machine, counter: Counter | None) -> Any:
        """QEMU itself, or libvirt, which starts it."""
        if self.via == "qmp":
            return Qemu(machine, self.folder)
        from .via_libvirt import LibvirtQemu  # python3-libvirt is needed only here

        return LibvirtQemu(machine, self.folder, counter)

    def _drive(self, counter: Counter | None) -> None:
        variant = self.plan.variant
        command = self.guest.view_command(self.qemu)
        self.sizes = sizes_of(variant.mechanism, self.qemu, self.devices)

        def observe(moment: Moment, step: int) -> None:
            if self.observe:
                self.observe(self.plan, moment, step, self.monitor)

        self.recorder = Recorder(self.qemu, self.monitor, command, counter, variant.record, observe, self.company.start, self.sizes)
        self._first_sizes()
        if self.company.controller:
            self.steering = Steering(self.company.controller, RunMachine(variant.label, self.recorder))
            self.decisions = DecisionFile(self.folder, self.recorder.start)
        try:
            for index, step in enumerate(variant.steps):
                self._step(index, step)
            self._finish()
        finally:
            self.recorder.close()
            if self.decisions:
                self.decisions.close()

    def _first_sizes(self) -> None:
        """A machine whose devices are boot memory begins with all of it: what is not requested goes first."""
        if self.plan.variant.mechanism != "balloon":
            return
        (device,) = self.plan.variant.devices
        self.sizes.request(device["id"], device["requested"])
        end = time.monotonic() + FIRST_SIZE_SECONDS
        while self.sizes.size(device["id"]) != device["requested"] and time.monotonic() < end:
            time.sleep(0.01)

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
        self._migration(step, usage)
        self._workload(step)
        if step.caches and self.plan.guest == "linux":
            self._command(f"caches {step.caches}")
        if step.requested and (step.workload or step.caches):
            usage = recorder.begin_step(index)  # what the workload cost is not the resize's
        mark = self.monitor.console.mark()
        began = time.monotonic()
        for device, size in step.requested.items():
            self.sizes.request(device, size)
        if step.requested and step.until == "settled":
            self._wait_settled(step, usage, began, mark)
        if step.until == "time":
            self._stay(step)
        measured = recorder.moment(ask_guest=False)
        if step.until == "settled":
            self._stay(step)
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
                if self.sizes.size(device) == size:
                    usage.settle_ms[device] = 1000 * (time.monotonic() - began)
                    del waiting[device]
            self._follow_demand()
            self.recorder.sample_if_due(ask_guest)
            time.sleep(POLL_SECONDS)
        changed = {d: s for d, s in step.requested.items() if usage.before.size[d] != s}
        if not waiting and changed and self.recorder.counter and not self._workload_runs():
            self.guest.wait_quiet(self.qemu, changed, mark, self.recorder.counter)

    def _workload_runs(self) -> bool:
        view = self.recorder.last_view
        return bool(view and view.workload and view.workload.state == "running")

    def _follow_demand(self) -> None:
        """Tell the workload what the trace wants now."""
        if self.demand and time.monotonic() >= self.demand[0][0]:
            passed = [size for moment, size in self.demand if moment <= time.monotonic()]
            del self.demand[: len(passed)]
            self._command(f"workload hold {passed[-1]}")
            self.demanded = time.monotonic()

    def _command(self, line: str) -> None:
        answer = self.monitor.command(line, COMMAND_SECONDS)
        if "error" in answer:
            raise GuestFailed(f"{line}: {answer.strip()}")

    def _steer(self, step: Step) -> None:
        """Let the trace pass, and the policy decide when it is time, in steps that request nothing themselves."""
        self._follow_demand()
        if self.steering and self.decisions and not step.requested and self.steering.due():
            self.decisions.add(self.steering.step())

    def _stay(self, step: Step) -> None:
        end = time.monotonic() + step.hold
        while time.monotonic() < end:
            self._steer(step)
            self.recorder.sample_if_due(ask_guest=True)
            time.sleep(min(0.01, max(end - time.monotonic(), 0)))

    def _workload(self, step: Step) -> None:
        if step.workload == "start" and self.plan.variant.workload:
            words = workload_words(self.plan.variant.workload, self.plan.seed)
            self._command(f"workload {words}")
            began = time.monotonic()
            self.demand = [(began + moment, size) for moment, size in self.plan.variant.trace]
        elif step.workload == "wait":
            self._wait_workload(step)
        elif step.workload == "stop":
            self.demand = []
            self.monitor.command("workload stop", COMMAND_SECONDS)

    def _wait_workload(self, step: Step) -> None:
        """Until the workload is done; one without an end is done when it holds what it wants."""
        began = time.monotonic()
        while time.monotonic() < began + step.timeout:
            self._steer(step)
            self.recorder.sample_if_due(ask_guest=True)
            # A view from before the trace's last row shows a workload that holds what it wanted then.
            view = self.recorder.last_view if self.recorder.viewed >= max(began, self.demanded) else None
            workload = view.workload if view else None
            self._check_content()
            if workload and (workload.state != "running" or self._is_steady(workload)):
                return
            time.sleep(0.01)
        raise GuestFailed(f"the workload was not done after {step.timeout:g} s (the step's timeout)")

    def _is_steady(self, workload: Any) -> bool:
        """It holds what it wants, or as much as there is where nobody gives it more."""
        kind = (self.plan.variant.workload or {}).get("kind")
        return not self.demand and kind == "steady" and (workload.held == workload.target or (workload.denied > 0 and not self.steering))

    def _migration(self, step: Step, usage: Usage) -> None:
        """A migration to nowhere: while it goes on, the device answers every request with BUSY. A whole one is
        as fast as can be, and the guest goes on where it is."""
        if step.migration == "start":
            self.qemu.qmp.execute("migrate-set-parameters", max_bandwidth=MIGRATION_BYTES_PER_SECOND)
            self.qemu.qmp.execute("migrate", uri="exec:cat >/dev/null")
            self._wait_migration("active", step.timeout)
        elif step.migration == "cancel":
            self.qemu.qmp.execute("migrate_cancel")
            self._wait_migration("cancelled", step.timeout)
        elif step.migration == "whole":
            self.qemu.qmp.execute("migrate-set-parameters", max_bandwidth=MIGRATION_AT_MOST)
            self.qemu.qmp.execute("migrate", uri="exec:cat >/dev/null")
            self._wait_migration("completed", step.timeout)
            done = self.qemu.qmp.execute("query-migrate")
            usage.migration = {"migration_ms": done["total-time"], "migration_bytes": done["ram"]["transferred"]}
            self.qemu.qmp.execute("cont")

    def _wait_migration(self, status: str, timeout: float) -> None:
        def reached() -> bool:
            return self.qemu.qmp.execute("query-migrate").get("status") == status

        self.qemu.wait_for(reached, f"the migration to be {status}", timeout)

# SPDX-License-Identifier: BSD-2-Clause
"""Plays a plan of soak_plan.py: one boot of the real image, judged from the host's side and by the guest's own checks.

After the last step the user frees all and the host requests nothing. Then every device is at 0 by both counts,
its memory is gone from QEMU, every counter of the allocator is right, and `stats` says what it says after a fresh start.
"""

import os
import re
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Callable

from . import snapshots
from .accel import choose_accel
from .machine import Machine, MemDevice
from .qemu import Qemu
from .resize import DeviceView, list_devices
from .soak_plan import HOT_PORTS, Plan, Step
from .units import GIB, MIB

LIFE_SECONDS = 3600.0  # of one QEMU; only a hang meets it
WAIT_SECONDS = 600.0  # for one condition; as above
READY_SECONDS = 1800.0  # for a start: OVMF and GRUB take minutes where the host is busy
PAUSE_SECONDS = 0.05
PAGE_BYTES = 4096
SECTION_BYTES = 128 * MIB
TABLES_MAX = 2  # of 4 KiB
OVMF = "/usr/share/ovmf/OVMF.fd"

# What says that something is wrong, wherever it stands in the guest's output.
WRONG = re.compile(r"^.*\b(?:panic|trap): .*$|^.*check: error.*$|^.*\bwrong=[1-9].*$|^.*\bcorrected=[1-9].*$"
                   r"|^.*state=failed.*$|^.*no longer used.*$|^.*does not stop; what it uses.*$", re.MULTILINE)  # fmt: skip
# What the guest may refuse, by the beginning of the line typed.
NO_MEMORY = "not enough free memory|no memory for its lists|not enough memory for its table of chunks"
REFUSALS = {
    "alloc": NO_MEMORY + r"|all \d+ holdings are in use",
    "free": "no such holding",
    "fill": "no such holding",
    "check": "no such holding",
    "vm": NO_MEMORY + r"|no such area|all \d+ areas are in use|'vm touch stop'|no processor touches|no other processor"
                      r"|runs already|ends it",
    "workload": NO_MEMORY + "|one is there already",
    "bench": NO_MEMORY + r"|no other processor|no churn runs|no checkerboard is held|runs already|ends it",
    "stats check": "processors are at work",
    "off": "pages of it are in use",
}  # fmt: skip
TRANSIENT = ("the device", "the host", "the config space")  # what a device does not wait for for ever


class SoakFailed(Exception):
    """The guest, the host or what they say of each other is not as it must be."""


def expect(holds: bool, what: str) -> None:
    if not holds:
        raise SoakFailed(what)


class Player:
    """One boot. The folder receives what each QEMU leaves, and steps.log: which step came when."""

    def __init__(self, plan: Plan, build: Path, folder: Path):
        self.plan = plan
        self.build = build
        self.folder = folder
        self.qemus = ExitStack()
        self.nr_qemus = 0
        self.present = list(plan.devices)
        self.has_image = False  # for snapshots, of this QEMU
        self.restarts = 0  # asked for, of this QEMU
        self.nr_added = 0
        self.qemu: Qemu

    def play(self) -> None:
        """All of it; raises at the first thing that is wrong."""
        with self.qemus, open(self.folder / "steps.log", "w", buffering=1) as log:
            log.write("start\n")
            self.use(self.start_qemu())
            self.qemu.guest.wait_ready(READY_SECONDS)
            for number, step in enumerate(self.plan.steps, 1):
                log.write(f"{number} {step}\n")
                STEPS[step.kind](self, step)
                self.watch()
            log.write("finish\n")
            self.finish()
            self.watch()

    # ---- QEMU ----

    def machine(self, devices: list[MemDevice], extra: list[str]) -> Machine:
        plan = self.plan
        is_iso = plan.firmware.endswith("-iso")
        buses = ["pci-bridge,id=b1,chassis_nr=9,addr=3"]
        if plan.type.startswith("q35"):
            buses += [f"pcie-root-port,id={port},chassis={number},addr={8 + number}" for number, port in enumerate(HOT_PORTS)]
        if plan.native_hotplug:
            extra = ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off", *extra]
        if is_iso:
            medium = f"file={self.build / 'tide.iso'},format=raw,media=cdrom,readonly=on"
            extra = ["-vga", "std", "-drive", medium, *extra]
        room = plan.memory + sum(device.size + GIB for device in plan.devices + plan.hot)
        return Machine(
            None if is_iso else self.build / "tide.elf", type=plan.type, cpu=plan.cpu, memory=plan.memory, cpus=plan.cpus,
            devices=devices, append=plan.append, bios={"qboot": "qboot.rom", "ovmf-iso": OVMF}.get(plan.firmware),
            accel=choose_accel(), reset_allowed=True, buses=buses,
            extra=["-m", f"maxmem={-(-room // GIB)}G", *extra],
        )  # fmt: skip

    def start_qemu(self, *extra: str) -> Qemu:
        """Start one with the devices that are present."""
        self.nr_qemus += 1
        for device in self.plan.devices + self.plan.hot:
            if device.backend == "file":
                device.file = self.folder / f"{device.id}.{self.nr_qemus}.backend"
        machine = self.machine(self.present, list(extra))
        return self.qemus.enter_context(Qemu(machine, self.folder / f"qemu{self.nr_qemus}", life_seconds=LIFE_SECONDS))

    def use(self, qemu: Qemu) -> None:
        """The guest runs there from now on."""
        self.qemu = qemu
        self.has_image = False
        self.restarts = 0

    def watch(self) -> None:
        """The guest has said nothing that it must not say."""
        text = self.qemu.guest.console.text
        found = WRONG.search(text)
        expect(found is None, f"the guest said: {found and found.group().strip()}")
        starts = len(re.findall(r"^Tide, by \w+, ", text, re.MULTILINE))
        expect(starts <= self.restarts + 1, f"the machine started {starts} times, {self.restarts + 1} were asked for")

    def wait(self, condition: Callable[[], str]) -> None:
        """Until there is no complaint any more."""
        deadline = time.monotonic() + WAIT_SECONDS
        while complaint := condition():
            self.watch()
            if time.monotonic() > deadline:
                raise SoakFailed(f"for {WAIT_SECONDS:.0f} s: {complaint}")
            time.sleep(PAUSE_SECONDS)

    # ---- guest and host beside each other ----

    def host(self) -> dict[int, DeviceView]:
        return {view.address: view for view in list_devices(self.qemu.qmp)}

    def guest_devices(self) -> dict[int, re.Match[str]]:
        """By the region's address: name, condition, requested and plugged of each device in use."""
        pattern = (r"^(?P<name>\w+): (?:pci|mmio) \S+, (?P<condition>.*)\n(?:  pinned .*\n)?  region 0x(?P<base>\w+) .*\n"
                   r"  requested=(?P<requested>\d+) plugged=(?P<plugged>\d+) ")  # fmt: skip
        answer = self.qemu.guest.command("status", WAIT_SECONDS)
        return {int(found["base"], 16): found for found in re.finditer(pattern, answer, re.MULTILINE)}

    def disagreement(self, is_end: bool = False) -> str:
        """Where guest and host are not of one mind, or a device has not come to rest; empty if nowhere."""
        before, guest = self.host(), self.guest_devices()
        if set(before) != set(guest):
            return f"the host has devices at {sorted(map(hex, before))}, the guest uses {sorted(map(hex, guest))}"
        for base, found in guest.items():
            view, condition = before[base], found["condition"]
            if condition.startswith("broken"):
                raise SoakFailed(f"{view.name}: {condition}")
            said = f"{found['name']}: {condition}, requested={found['requested']} plugged={found['plugged']}"
            if (int(found["requested"]), int(found["plugged"])) != (view.requested, view.size):
                return f"the host says {view}, the guest {said}"
            reason = condition.removeprefix("waiting: ")
            is_waiting = not is_end and condition != reason and not reason.startswith(TRANSIENT)
            if condition != "settled" and not is_waiting:
                return f"{view.name} does not come to rest: {said}"
        return "" if self.host() == before else "the host's sizes change"

    def backed(self, device: MemDevice) -> int:
        """The bytes that the host has for it. Of a file it may map some more, read ahead."""
        return self.qemu.backend_resident(device.size) if device.file is None else device.file.stat().st_blocks * 512

    def check_backed(self) -> None:
        """The host has memory for no more than is plugged."""
        for device in self.present:
            before, backed, size = self.qemu.size(device.id), self.backed(device), self.qemu.size(device.id)
            expect(backed <= size or before != size, f"{device.id}: the host keeps {backed} bytes, {size} are plugged")

    def type(self, line: str) -> str:
        """Type a command; its answer. An error must be one of those that it may give."""
        answer = self.qemu.guest.command(line, WAIT_SECONDS)
        words = line.split()
        allowed = REFUSALS.get(line) or REFUSALS.get(words[0], "")
        for error in re.findall(r"^error: .*$", answer, re.MULTILINE):
            expect(bool(allowed and re.search(allowed, error)), f"'{line}' was answered: {error}")
        self.watch()
        return answer

    # ---- the steps ----

    def request(self, step: Step) -> None:
        for device, size in step.sizes:
            self.qemu.set_requested(device, size)

    def do_resize(self, step: Step) -> None:
        self.request(step)

    def do_settle(self, _: Step) -> None:
        self.wait(self.disagreement)
        self.check_backed()

    def do_type(self, step: Step) -> None:
        self.type(step.line)

    def do_verify(self, _: Step) -> None:
        """The answer comes as a log line for each device; a correction is caught by watch()."""
        start = self.qemu.guest.console.mark()
        self.type("verify")
        for found in self.guest_devices().values():
            self.qemu.guest.console.wait(rf"^(?:tide> |@\w+\+?)*{found['name']}: verify blocks=", start, WAIT_SECONDS)

    def do_off_on(self, step: Step) -> None:
        base = next(view.address for view in self.host().values() if view.name == step.device)
        found = self.guest_devices().get(base)
        if found is None or "error" in self.type(f"off {found['name']}"):
            return
        self.wait(lambda: f"{step.device} is still on" if base in self.guest_devices() else "")
        expect(self.qemu.size(step.device) == 0, f"{step.device} is off, and not at 0")
        self.type(f"on {found['name']}")
        self.wait(lambda: "" if base in self.guest_devices() else f"{step.device} is still off")

    def do_stop(self, step: Step) -> None:
        self.qemu.qmp.execute("stop")
        self.request(step)
        self.qemu.qmp.execute("cont")

    def do_reset(self, step: Step) -> None:
        self.request(step)
        mark = self.qemu.guest.console.mark()
        self.restarts += 1
        self.qemu.qmp.execute("system_reset")
        self.qemu.guest.console.wait(r"^(?:tide> )*tide: ready$", mark, READY_SECONDS)

    def do_migrate(self, step: Step) -> None:
        """A live migration keeps the devices BUSY and is cancelled; another, of the stopped guest, goes to a second QEMU.

        Under TCG QEMU loses writes that a guest makes while it is migrated.
        """
        source = self.qemu
        source.qmp.execute("migrate-set-parameters", max_bandwidth=4096)
        source.qmp.execute("migrate", uri="exec:cat > /dev/null")
        self.request(step)
        source.qmp.execute("migrate_cancel")
        self.wait_migration("cancelled")
        source.qmp.execute("stop")
        source.qmp.execute("migrate-set-parameters", max_bandwidth=GIB)
        for view in self.host().values():
            next(device for device in self.present if device.id == view.name).memaddr = view.address
        pipe = self.folder / "migration"
        os.mkfifo(pipe)
        target = self.start_qemu("-incoming", f"exec:cat '{pipe}'")
        source.qmp.execute("migrate", uri=f"exec:cat > '{pipe}'")
        self.wait_migration("completed")
        self.use(target)
        self.wait(lambda: "" if target.qmp.execute("query-status")["status"] == "paused" else "the state is not there")
        source.process.kill()
        source.process.wait()
        pipe.unlink()
        target.qmp.execute("cont")
        target.guest.send("")

    def wait_migration(self, end: str) -> None:
        """Until the migration of this QEMU has ended so."""

        def remains() -> str:
            state = self.qemu.qmp.execute("query-migrate").get("status", "none")
            expect(state == end or state not in ("failed", "cancelled", "completed"), f"the migration: {state}")
            return "" if state == end else f"the migration is {state}, not {end}"

        self.wait(remains)

    def do_save(self, step: Step) -> None:
        if not self.has_image:
            snapshots.add_image(self.qemu, self.folder / f"snapshots{self.nr_qemus}.qcow2")
            self.has_image = True
        snapshots.save(self.qemu, step.line)

    def do_load(self, step: Step) -> None:
        snapshots.load(self.qemu, step.line)

    def do_add(self, step: Step) -> None:
        device = next(one for one in self.plan.hot if one.id == step.device)
        for kind, line in zip(("object_add", "device_add"), device.arguments()[1::2]):
            answer = self.qemu.qmp.human(f"{kind} {line}")
            expect(not re.sub(r"^warning: .*\r?\n", "", answer).strip(), f"QEMU does not add {step.device}: {answer}")
        self.present.append(device)
        self.nr_added += 1
        self.wait(lambda: "" if len(self.host()) == len(self.guest_devices()) else f"{step.device} is not found")

    def do_remove(self, step: Step) -> None:
        """The host lets it go at 0 alone."""
        self.let_go()
        self.qemu.set_requested(step.device, 0)
        self.wait(lambda: f"{step.device} has {self.qemu.size(step.device)}" if self.qemu.size(step.device) else "")
        self.delete(step.device)
        self.qemu.qmp.execute("object-del", id=f"{step.device}-mem")
        self.present = [device for device in self.present if device.id != step.device]

    def do_balloon(self, _: Step) -> None:
        """A device of another kind comes, is seen and goes."""
        self.nr_added += 1
        bus = next(device for device in self.plan.hot if device not in self.present).bus
        before = self.type("devices")
        self.qemu.qmp.execute("device_add", driver="virtio-balloon-pci", id="balloon", bus=bus)
        self.wait(lambda: "the balloon is not seen" if self.type("devices") == before else "")
        self.delete("balloon")
        self.wait(lambda: "" if self.type("devices") == before else "the balloon is still seen")

    def delete(self, device: str) -> None:
        self.qemu.qmp.execute("device_del", id=device)

        def remains() -> str:
            names = {entry["name"] for entry in self.qemu.qmp.execute("qom-list", path="/machine/peripheral")}
            return f"{device} is still there, and the guest sees: {self.type('devices')}" if device in names else ""

        self.wait(remains)

    # ---- the end ----

    def let_go(self) -> None:
        """The user ends all work, checks every page and frees it."""
        for line in ("workload stop", "bench churn stop", "bench checkerboard stop", "vm touch stop"):
            self.type(line)
        self.wait(lambda: self.type("jobs").replace("jobs: none", "").strip())
        for line in ("check all", "vm check all", "vm free all", "free all"):
            self.type(line)

    def stats(self) -> dict[str, int]:
        return {name: value for name, value in self.qemu.guest.stats().items() if name != "uptime ms"}

    def come_to_zero(self) -> dict[str, int]:
        """Nothing requested: all is back. What `stats` says then."""
        for device in self.present:
            self.qemu.set_requested(device.id, 0)
        self.wait(lambda: self.disagreement(is_end=True))
        self.check_backed()
        expect(self.type("stats check") == "stats: check: ok\n", "stats check: processors are at work")
        return self.stats()

    def finish(self) -> None:
        self.let_go()
        there = self.come_to_zero()
        self.do_reset(Step("reset"))
        fresh = self.come_to_zero()
        # A frame that describes 9 sections of 128 MiB stays while a processor remembers one of them. The registers
        # of a device that came late, a balloon's too, are mapped by tables that the allocator counts.
        kept = (there["metadata bytes"] - fresh["metadata bytes"]) // PAGE_BYTES
        tables = there["boot used"] - fresh["boot used"] - kept
        expect(0 <= kept <= sum(device.size // (9 * SECTION_BYTES) + 2 for device in self.present)
               and 0 <= tables <= TABLES_MAX * self.nr_added
               and all(there[name] == fresh[name] for name in ("boot frames", "plugged frames", "plugged used")),
               f"stats: {there}, and after a reset {fresh}")  # fmt: skip


# What each kind of step does.
STEPS: dict[str, Callable[[Player, Step], None]] = {
    "resize": Player.do_resize, "settle": Player.do_settle, "type": Player.do_type,
    "verify": Player.do_verify, "off_on": Player.do_off_on, "stop": Player.do_stop, "reset": Player.do_reset,
    "migrate": Player.do_migrate, "save": Player.do_save, "load": Player.do_load, "add": Player.do_add,
    "remove": Player.do_remove, "balloon": Player.do_balloon,
}  # fmt: skip

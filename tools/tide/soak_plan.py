# SPDX-License-Identifier: BSD-2-Clause
"""What one boot of the soak does, drawn from its seed: a machine, memory devices, and steps in order.

draw() is pure: one seed and one QEMU's abilities give one plan, here and on any machine. soak_player.py
plays it. A plan never asks for what this QEMU cannot do; what the guest may refuse, it may ask for.
"""

from dataclasses import dataclass, field
from random import Random

from .machine import MemDevice
from .units import GIB, KIB, MIB, format_size

NR_STEPS = (12, 40)
HELD_MAX = 160 * MIB  # of pages that are written, so that a small host can run it
SAVED_MAX = 2 * GIB  # of a device whose memory is saved or migrated
HOT_PORTS = ("p1", "p2")


@dataclass(frozen=True)
class Abilities:
    """What QEMUs differ in."""

    lets_memory_go: bool = False  # from 8.2
    resets_in_resize: bool = True  # before 10

    @classmethod
    def of(cls, version: tuple[int, int, int]) -> "Abilities":
        return cls(version >= (8, 2), version < (10,))


@dataclass(frozen=True)
class Step:
    """One step. soak_player.py's STEPS says what each kind does."""

    kind: str
    device: str = ""
    line: str = ""  # of the monitor, or the name of a snapshot
    sizes: tuple[tuple[str, int], ...] = ()  # requested meanwhile: device, bytes

    def __str__(self) -> str:
        sizes = [f"{device}={format_size(size)}" for device, size in self.sizes]
        return " ".join([self.kind, *filter(None, [self.device, self.line]), *sizes])


@dataclass
class Plan:
    seed: int
    type: str
    cpu: str
    memory: int
    cpus: int
    firmware: str  # seabios, qboot; or, from the medium of `make iso`, seabios-iso, ovmf-iso
    append: str
    native_hotplug: bool
    devices: list[MemDevice] = field(default_factory=list)
    hot: list[MemDevice] = field(default_factory=list)  # those that come while the guest runs
    steps: list[Step] = field(default_factory=list)

    def __str__(self) -> str:
        head = (f"seed {self.seed}: {self.type} cpu={self.cpu} memory={format_size(self.memory)} cpus={self.cpus}"
                f" firmware={self.firmware} native_hotplug={self.native_hotplug} append='{self.append}'")  # fmt: skip
        lines = [head, *map(_device_line, self.devices), *(f"{_device_line(one)}, comes later" for one in self.hot)]
        return "\n".join(lines + [f"{number:3} {step}" for number, step in enumerate(self.steps, 1)])


def _device_line(device: MemDevice) -> str:
    where = f"{device.bus or 'the root bus'} {device.addr or ''}".strip()
    options = "".join(f" {key}={value}" for key, value in device.options.items())
    reserve = "" if device.reserve else " reserve=off"
    return (f"  {device.id}: {format_size(device.size)} in blocks of {format_size(device.block)}, {device.backend}"
            f"{reserve}{' prealloc' if device.prealloc else ''}, requested {format_size(device.requested)}, on {where}{options}")  # fmt: skip


# ---- the machine ----


def _draw_machine(random: Random, seed: int) -> Plan:
    firmware = random.choices(("seabios", "qboot", "seabios-iso", "ovmf-iso"), (60, 30, 6, 4))[0]
    is_iso = firmware.endswith("-iso")
    board = "q35" if firmware == "ovmf-iso" else random.choice(("q35", "pc"))
    options = "" if is_iso else random.choices(("", ",acpi=off", ",pic=off", ",hpet=off"), (75, 10, 8, 7))[0]
    memory = random.choice((256, 512) if is_iso else (16, 20, 32, 64, 128, 256, 256, 512)) * MIB
    words = []
    if random.random() < 0.4:
        words.append(f"virtio_mem.irq={random.choice(('msix', 'intx', 'poll'))}")
    if random.random() < 0.3:
        words.append("virtio_mem.init=state")
    return Plan(
        seed, board + options, random.choice(("qemu64", "max")), memory, random.choice((1, 2, 2, 3, 4)), firmware,
        "" if is_iso else " ".join(words), board == "q35" and (options == ",acpi=off" or random.random() < 0.5),
    )  # fmt: skip


RING_OPTIONS: tuple[dict[str, str], ...] = (
    {}, {}, {}, {"packed": "on"}, {"event_idx": "off"}, {"indirect_desc": "off"},
    {"packed": "on", "event_idx": "off", "indirect_desc": "off"},
)  # fmt: skip


def _draw_device(random: Random, name: str, taken: set[int]) -> MemDevice:
    """Its size is that of no other mapping of QEMU's: so its resident memory is found."""
    device = MemDevice(name, backend=random.choice(("ram", "ram", "memfd", "file")), reserve=random.random() < 0.7)
    blocks = [2, 2, 2, 4, 8, 16, 32, 64, 128]
    device.block = random.choice(blocks + ([1] if device.backend == "memfd" else [])) * MIB
    if device.backend == "ram" and not device.reserve and random.random() < 0.3:
        device.size = random.choice((3, 6, 24, 48)) * GIB
    else:
        device.size = random.randint(1, 48) * max(device.block, 16 * MIB)
    device.size = max(device.size, 4 * device.block)
    while device.size in taken or device.size & (device.size - 1) == 0:
        device.size += device.block
    taken.add(device.size)
    device.prealloc = device.size <= 256 * MIB and random.random() < 0.15
    device.options = dict(random.choice(RING_OPTIONS))
    if random.random() < 0.3:
        device.requested = _draw_size(random, device)
    return device


def _draw_devices(random: Random, plan: Plan) -> None:
    taken = {plan.memory}
    for number in range(random.choice((1, 1, 2, 3))):
        device = _draw_device(random, f"vmem{number}", taken)
        device.bus, device.addr = random.choice(((None, str(4 + number)), ("b1", str(1 + number))))
        plan.devices.append(device)
    can_plug = plan.type.startswith("q35") or "acpi=off" not in plan.type
    for number in range(random.choice((0, 1, 2)) if can_plug else 0):
        device = _draw_device(random, f"late{number}", taken)
        if plan.type.startswith("q35"):
            device.bus = HOT_PORTS[number]
        else:
            device.bus, device.addr = "pci.0", hex(0x10 + number)
        plan.hot.append(device)


def _draw_size(random: Random, device: MemDevice) -> int:
    nr_blocks = device.size // device.block
    most = min(nr_blocks, random.choice((4, 64, nr_blocks)))
    return random.choice((0, nr_blocks, random.randint(0, most), random.randint(0, most), random.randint(0, most))) * device.block


# ---- the steps ----


class _Steps:
    """Draws one step after the other; knows which devices there are and which snapshots fit them."""

    def __init__(self, random: Random, plan: Plan, abilities: Abilities):
        self.random = random
        self.plan = plan
        self.abilities = abilities
        self.present = list(plan.devices)
        self.absent = list(plan.hot)
        self.held = 0  # bytes at most that the user holds
        self.saved: list[str] = []  # snapshots that fit
        self.nr_saved = 0
        # QEMU reads all that is plugged to save it.
        self.is_huge = any(device.size > SAVED_MAX for device in [*plan.devices, *plan.hot])

    def sizes(self, most: int = 1) -> tuple[tuple[str, int], ...]:
        chosen = [self.random.choice(self.present) for _ in range(self.random.randint(1, most))]
        return tuple((device.id, _draw_size(self.random, device)) for device in chosen)

    def typed(self, line: str) -> list[Step]:
        return [Step("type", line=line)]

    def hold(self, verb: str, size: int, count: int) -> list[Step]:
        """Allocate and write it, unless the user holds much already."""
        if self.held + size * count > HELD_MAX:
            return self.free_all()
        self.held += size * count
        suffix = f" {count}" if count > 1 else ""
        fill = "vm fill all" if verb.startswith("vm") else "fill all"
        return self.typed(f"{verb} {format_size(size)}{suffix}") + self.typed(fill)

    # one function for each kind of step

    def resize(self) -> list[Step]:
        return [Step("resize", sizes=self.sizes(2)), Step("settle")]

    def burst(self) -> list[Step]:
        return [Step("resize", sizes=self.sizes(6))]

    def alloc(self) -> list[Step]:
        size, most = self.random.choice(((4 * KIB, 600), (64 * KIB, 200), (2 * MIB, 24), (5 * MIB, 6), (48 * MIB, 1)))
        return self.hold("alloc", size, self.random.randint(1, most))

    def vm_alloc(self) -> list[Step]:
        size, most = self.random.choice(((12 * KIB, 200), (300 * KIB, 60), (2 * MIB, 16), (7 * MIB, 6)))
        return self.hold("vm alloc", size, self.random.randint(1, most))

    def free_some(self) -> list[Step]:
        verb = self.random.choice(("free", "vm free"))
        return [step for _ in range(self.random.randint(1, 12)) for step in self.typed(f"{verb} {self.random.randint(0, 99)}")]

    def free_all(self) -> list[Step]:
        self.held = 0
        return self.typed("free all") + self.typed("vm touch stop") + self.typed("vm free all")

    def check(self) -> list[Step]:
        return self.typed("check all") + self.typed("vm check all")

    def workload(self) -> list[Step]:
        kind = self.random.choice(("steady", "ramp", "sawtooth", "bursts", "random", "verify"))
        size, chunk = self.random.choice(((4, 4), (16, 64), (32, 256), (48, 2048)))
        line = (f"workload {kind} seed={self.random.randint(0, 999)} size={size}M chunk={chunk}K"
                f" movable={self.random.choice((0, 50, 100))} refuse={self.random.choice((0, 0, 30))}"
                f" ticks={self.random.randint(1, 200)} tick={self.random.choice((0, 10, 50))}")  # fmt: skip
        return self.typed("workload stop") + self.typed(line)

    def job(self) -> list[Step]:
        lines = ("bench churn", "bench churn movable", "bench churn stop", "bench checkerboard", "bench checkerboard stop",
                 "vm touch", "vm touch stop", "workload stop", "bench random 3 2000")  # fmt: skip
        return self.typed(self.random.choice(lines))

    def look(self) -> list[Step]:
        return self.typed(self.random.choice(("stats check", "map", "occupancy", "devices", "memory", "jobs", "rescan")))

    def verify(self) -> list[Step]:
        return [Step("settle"), Step("verify")]

    def off_on(self) -> list[Step]:
        return [Step("off_on", self.random.choice(self.present).id)]

    def stop(self) -> list[Step]:
        return [Step("stop", sizes=self.sizes(3)), *self.maybe_settle()]

    def reset(self) -> list[Step]:
        self.held = 0
        before = [] if self.abilities.resets_in_resize else [Step("settle")]
        return before + [Step("reset", sizes=() if before else self.sizes(2)), Step("settle")]

    def migrate(self) -> list[Step]:
        if self.is_huge:
            return self.burst()
        self.saved = []
        return [Step("migrate", sizes=self.random.choice(((), self.sizes(2)))), *self.maybe_settle()]

    def save(self) -> list[Step]:
        if self.is_huge:
            return self.burst()
        self.nr_saved += 1
        self.saved.append(f"then{self.nr_saved}")
        return self.maybe_settle() + [Step("save", line=self.saved[-1])]

    def load(self) -> list[Step]:
        if not self.saved:
            return self.save()
        self.held = HELD_MAX  # what was held then
        return [Step("load", line=self.random.choice(self.saved)), *self.maybe_settle(), *self.check()]

    def add(self) -> list[Step]:
        if not self.absent:
            return self.resize()
        self.saved = []
        device = self.absent.pop(0)
        self.present.append(device)
        return [Step("add", device.id), *self.maybe_settle()]

    def remove(self) -> list[Step]:
        late = [device for device in self.present if device in self.plan.hot]
        asks = self.plan.native_hotplug or self.plan.type.startswith("pc")  # the guest hears it, without running AML
        if not asks or not self.plan.hot:
            return self.stop()
        if not late or not self.abilities.lets_memory_go:
            return [Step("balloon")] if self.absent else self.stop()
        self.saved = []
        self.held = 0
        self.present.remove(late[-1])
        self.absent.insert(0, late[-1])
        return [Step("remove", late[-1].id)]

    def maybe_settle(self) -> list[Step]:
        return self.random.choice(([], [Step("settle")]))


WEIGHTS = {
    _Steps.resize: 20, _Steps.burst: 8, _Steps.alloc: 14, _Steps.vm_alloc: 9, _Steps.free_some: 8,
    _Steps.free_all: 4, _Steps.check: 7, _Steps.workload: 7, _Steps.job: 10, _Steps.look: 4, _Steps.verify: 3,
    _Steps.off_on: 3, _Steps.stop: 4, _Steps.reset: 2, _Steps.migrate: 4, _Steps.save: 3, _Steps.load: 4,
    _Steps.add: 4, _Steps.remove: 3,
}  # fmt: skip


def draw(seed: int, abilities: Abilities = Abilities()) -> Plan:
    """The plan of this seed."""
    random = Random(seed)
    plan = _draw_machine(random, seed)
    _draw_devices(random, plan)
    steps = _Steps(random, plan, abilities)
    for more in random.choices(list(WEIGHTS), list(WEIGHTS.values()), k=random.randint(*NR_STEPS)):
        plan.steps += more(steps)
    return plan

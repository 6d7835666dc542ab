# SPDX-License-Identifier: BSD-2-Clause
"""Every key that a scenario may have: its kind, its default, and what it is for."""

from dataclasses import replace

from tide.units import GIB, KIB, MIB

from . import schema
from .schema import Key

GUESTS = ("tide", "linux")

MECHANISMS = ("virtio-mem", "balloon", "reporting", "virtio-mem+reporting")
_MECHANISM = Key(schema.choice(*MECHANISMS), "virtio-mem", "what changes the guest's memory")

TOP = {
    "title": Key(schema.text(), ..., "one line that names the experiment"),
    "about": Key(schema.text(), "", "what it shows, and which result to expect"),
    "guest": Key(schema.choice(*GUESTS), "tide", "what runs in the machine"),
    "mechanism": _MECHANISM,
    "repetitions": Key(schema.integer(1, 1000), 1, "how often each variant runs with each seed"),
    "seed": Key(schema.integer(0, 2**63 - 1), 1, "what the workload's random choices start from"),
    "seeds": Key(schema.integers(0, 2**63 - 1), None, "several seeds, instead of one"),
}
GUEST = {
    "name": Key(schema.name(), None, "its name in results (default: vm0, vm1, ... in order)"),
    "kind": Key(schema.choice(*GUESTS), "tide", "what runs in this machine"),
    "mechanism": replace(_MECHANISM, default=None, help="its own, instead of the file's"),
}
GUEST_PARTS = ("machine", "device", "workload", "trace", "step", "linux")  # which a guest may have itself
MACHINE = {
    "memory": Key(schema.size(16 * MIB, MIB), 256 * MIB, "boot RAM"),
    "cpus": Key(schema.integer(1, 64), 1, "virtual processors"),
    "type": Key(schema.qemu_name("-machine"), "q35", "QEMU's machine type with its options, as in \"pc,acpi=off\""),
    "cpu": Key(schema.qemu_name("-cpu"), "qemu64", "QEMU's processor model"),
}
DEVICE = {
    "size": Key(schema.size(MIB), 1 * GIB, "the region: what can be plugged at most"),
    "block": Key(schema.size(MIB, power=True), 2 * MIB, "the device's block size"),
    "requested": Key(schema.size(0), 0, "requested-size when the machine starts"),
    "backend": Key(schema.choice("ram", "memfd", "file"), "ram", "QEMU's memory backend"),
    "reserve": Key(schema.boolean(), True, "whether the host reserves the backend's memory"),
    "node": Key(schema.integer(0, 7), None, "the NUMA node of the device"),
}
STEP = {
    "label": Key(schema.text(), "", "a name for the step in tables and pictures"),
    "requested": Key(None, None, "requested-size: a size for every device, or {vmem0 = \"1G\", ...}"),
    "workload": Key(schema.choice("start", "wait", "stop"), None,
                    "start the workload, wait until it is done, or stop it and free its memory"),
    "migration": Key(schema.choice("start", "cancel", "whole"), None,
                     "start a migration that goes on (the device answers BUSY), or end it; or migrate to nowhere, as fast as can be"),
    "caches": Key(schema.choice("fill", "drop"), None,
                  "Linux: read the whole disk of `[linux] disk` into the page cache, or drop the caches. Tide has none"),
    "until": Key(schema.choice("settled", "time"), "settled",
                 "the step ends once every device has what is requested, or after `hold` alone"),
    "hold": Key(schema.duration(), 0.0, "how long to stay (after settling, if that is waited for)"),
    "timeout": Key(schema.duration(), 30.0, "how long to wait for settling; then the step counts as not settled"),
}  # fmt: skip
RECORD = {
    "interval": Key(schema.duration(), 0.1, "between two samples of the host's view"),
    "guest_interval": Key(schema.duration(), 0.5, "between two samples of the guest's view and its map"),
    "instructions": Key(schema.boolean(), True, "count guest instructions (by a TCG plugin)"),
}
LINUX = {
    "init_on_alloc": Key(schema.boolean(), False, "Linux clears pages as it gives them out"),
    "memhp_default_state": Key(
        schema.choice("online_movable", "online", "online_kernel", "offline"),
        "online_movable", "how Linux takes new memory"),
    "append": Key(schema.text(), "", "more of Linux's command line"),
    "disk": Key(schema.size(0, MIB), 0, "a disk of that size, by virtio-blk, which reads as zeros"),
    "kernel": Key(schema.text(), "", "a kernel of your own, by its path from this file"),
    "initrd": Key(schema.text(), "", "an initrd of your own, which starts the program `guest` of build/linux"),
}  # fmt: skip

_SIZE = Key(schema.size(4 * KIB, 4 * KIB), ..., "how much memory it holds at most")
_CHUNK = Key(schema.size(4 * KIB, 4 * KIB), 64 * KIB, "the size of one allocation")
_TICK = Key(schema.duration(), 0.01, "the time between two of the workload's ticks")
_TICKS = Key(schema.integer(1, 10**9), 100, "how many ticks it runs")
_COMMON = {
    "size": _SIZE, "chunk": _CHUNK, "tick": _TICK,
    "movable": Key(schema.integer(0, 100), 0, "percent of the chunks that Tide may move out of blocks"),
    "refuse": Key(schema.integer(0, 100), 0, "percent of those that do not let themselves be moved"),
}  # fmt: skip
WORKLOADS: dict[str, dict[str, Key]] = {
    "steady": _COMMON,
    "ramp": _COMMON | {
        "low": Key(schema.size(0, 4 * KIB), 0, "what it holds at the first tick"),
        "ticks": _TICKS,
    },
    "sawtooth": _COMMON | {
        "low": Key(schema.size(0, 4 * KIB), 0, "what it holds between two teeth"),
        "period": Key(schema.integer(2, 10**6), 20, "the ticks of one tooth, up and down"),
        "ticks": _TICKS,
    },
    "bursts": _COMMON | {
        "function": Key(schema.size(4 * KIB, 4 * KIB), 32 * MIB, "what one function holds at most"),
        "life": Key(schema.integer(1, 10**6), 20, "how many ticks a function lives at most"),
        "ticks": _TICKS,
    },
    "random": _COMMON | {
        "occupancy": Key(schema.integer(0, 100), 50,
                         "percent of `size` that stays held, at places chosen by the seed"),
        "ticks": Key(schema.integer(0, 10**9), 0, "how many ticks of freeing and allocating follow"),
    },
    "verify": _COMMON | {"ticks": Key(schema.integer(1, 10**9), 2, "how many rounds of fill and verify")},
}  # fmt: skip
_STEP = Key(schema.size(MIB), 128 * MIB, "what one decision changes at most")
_POLICY = {
    "period": Key(schema.duration(), 1.0, "between two decisions"),
    "stale": Key(schema.duration(), 3.0, "older statistics of the guest are stale: nothing shrinks on them"),
    "least": Key(schema.size(0), None, "the guest's memory in all is never below (default: its boot memory)"),
    "most": Key(schema.size(0), None, "and never above (default: all that it can have)"),
}
_PERCENT = schema.number(0, 100)
POLICIES: dict[str, dict[str, Key]] = {
    "band": _POLICY | {
        "grow_below": Key(_PERCENT, 20.0, "percent unused, below which the guest gets a step more"),
        "shrink_above": Key(_PERCENT, 40.0, "percent unused, above which it gets a step less"),
        "step": _STEP,
    },
    "mom": _POLICY | {
        "pressure": Key(_PERCENT, 20.0, "percent of the host's memory free, below which guests shrink"),
        "critical": Key(_PERCENT, 5.0, "percent free, below which they shrink to less than they use"),
        "reserve_share": Key(_PERCENT, 20.0, "percent of its memory that a guest keeps unused without pressure"),
        "change": Key(_PERCENT, 5.0, "percent of its memory that one decision changes at most"),
        "smallest": Key(_PERCENT, 0.25, "percent that a change must be worth"),
    },
    "target": _POLICY | {
        "reserve": Key(schema.size(0), 128 * MIB, "what the guest has beyond what it uses"),
        "slack": Key(schema.size(0), 32 * MIB, "that much more than used and reserve is left as it is"),
        "quiet": Key(schema.duration(), 5.0, "how long nothing must have grown before it shrinks"),
        "step": _STEP,
        "doubt": Key(schema.integer(1, 1000), 3, "good readings after a stale or impossible one, before it shrinks again"),
    },
    "script": _POLICY | {
        "command": Key(schema.text(), ..., 'a shell command: gets JSON, answers {"size": BYTES}'),
        "timeout": Key(schema.duration(), 5.0, "how long its answer may take; then the size stays"),
    },
}  # fmt: skip
TRACE = {
    "file": Key(schema.text(), ..., "CSV with the columns time_s and demand (bytes, or 512M), by its path from this file"),
    "speed": Key(schema.number(0.001, 1000), 1.0, "how many of the trace's seconds pass in one"),
} | {name: _COMMON[name] for name in ("chunk", "tick", "movable", "refuse")}
HOST = {
    "memory": Key(schema.size(MIB), None, "what the guests of this scenario have together; a policy's host has so much"),
    "enforce": Key(schema.choice("policy", "cgroup"), "policy",
                   "the policy grows no guest beyond it, or a control group limits the QEMUs"),
}
TABLES = {"host": HOST, "machine": MACHINE, "record": RECORD, "linux": LINUX}

# What `check --keys` lists: how a table is written, and its keys.
SECTIONS: list[tuple[str, dict[str, Key]]] = [
    ("at the top", TOP),
    ("[[guest]]", GUEST),
    ("[machine]", MACHINE),
    ("[[device]]", DEVICE),
    *((f'[workload] kind = "{kind}"', keys) for kind, keys in WORKLOADS.items()),
    ("[trace]", TRACE),
    ("[[step]]", STEP),
    *((f'[policy] kind = "{kind}"', keys) for kind, keys in POLICIES.items()),
    ("[host]", HOST),
    ("[record]", RECORD),
    ("[linux]", LINUX),
]

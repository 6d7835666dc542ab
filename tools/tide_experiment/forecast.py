# SPDX-License-Identifier: BSD-2-Clause
"""What a scenario will take, from its file alone: how long it runs, and which steps wait in vain."""

from typing import TYPE_CHECKING, Any, Iterator

from tide.units import MIB, format_size

if TYPE_CHECKING:
    from .scenario import Scenario, Step, Variant

# Of a machine under TCG that does little else: from QEMU's start to the guest's prompt and from its exit.
BOOT_SECONDS = {"tide": 2.0, "linux": 15.0}
STEP_SECONDS = 0.2
FILL_BYTES_PER_SECOND = 200 * MIB


def workload_seconds(workload: dict[str, Any] | None) -> float:
    """How long the workload's ticks last; those of one without an end do not count."""
    if workload is None or workload["kind"] == "steady":
        return 0.0
    return float(workload["ticks"] * workload["tick"])


def kept_bytes(workload: dict[str, Any]) -> int:
    """What the workload holds when it is done, and until it is stopped, in chunks that cannot move."""
    share = {"steady": 100, "ramp": 100, "random": workload.get("occupancy", 0)}.get(workload["kind"], 0)
    return int(workload["size"] * share / 100 * (100 - workload["movable"]) / 100)


def long_waits(steps: "list[Step]", workload: dict[str, Any] | None) -> Iterator[tuple[int, str, str]]:
    """Steps that the workload keeps waiting for their whole timeout: index, key, and a sentence."""
    runs, filled = False, False
    for index, step in enumerate(steps):
        if workload is None or "low" in workload and workload["kind"] == "steady":
            return  # what a trace holds changes
        runs = step.workload == "start" or (runs and step.workload != "stop")
        if step.workload == "wait" and workload_seconds(workload) >= step.timeout:
            yield index, "workload", (
                f"{workload['ticks']} ticks of {workload['tick']:g} s do not end within the step's timeout of "
                f"{step.timeout:g} s; the run would end there"
            )  # fmt: skip
        filled = runs and (filled or step.workload == "wait" or step.hold > 0)
        wanted, held = sum(step.requested.values()), kept_bytes(workload)
        if step.requested and step.until == "settled" and filled and wanted < held:
            yield index, "requested", (
                f"{format_size(wanted)} while the workload holds {format_size(held)}: the step would wait for its whole "
                f'timeout of {step.timeout:g} s; stop the workload before, or say until = "time"'
            )  # fmt: skip


def run_seconds(variant: "Variant") -> tuple[float, float]:
    """How long one run takes if every step settles at once, and if each waits for its whole timeout."""
    least = BOOT_SECONDS[variant.guest] + sum(STEP_SECONDS + step.hold for step in variant.steps)
    most = least
    for step in variant.steps:
        if step.workload == "wait" and variant.workload:
            least += variant.trace[-1][0] if variant.trace else 0
            least += workload_seconds(variant.workload) + variant.workload["size"] / FILL_BYTES_PER_SECOND
        if step.workload == "wait" or (step.requested and step.until == "settled"):
            most += step.timeout
    return least, max(least, most)


def words_of(seconds: float) -> str:
    """A duration for a person: 12 s, 4 min, 2 h 10 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def duration(scenarios: "list[Scenario]", jobs: int = 1) -> str:
    """ "about 40 s, at most 5 min" for all runs of a scenario, or of one on several guests."""
    least = most = 0.0
    for scenario in scenarios:
        for variant in scenario.variants:
            each = [run_seconds(one) for one in variant.each()]
            one = max(least for least, _ in each), max(most for _, most in each)
            times = len(scenario.seeds) * scenario.repetitions
            least, most = least + one[0] * times, most + one[1] * times
    return f"about {words_of(least / jobs)}, at most {words_of(most / jobs)}"

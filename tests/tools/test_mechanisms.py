# SPDX-License-Identifier: BSD-2-Clause
"""The mechanisms that change a guest's memory: what is refused, what QEMU is told, and each on real guests."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

import pytest
from tide.linux import LinuxFiles
from tide_experiment import keys, results, scenario
from tide_experiment.checker import ScenarioError
from tide_experiment.guests import Boot, LinuxGuest, TideGuest, devices_of, machine_for
from tide_experiment.runner import Run, plan_runs
from tide_experiment.sizes import what_guest_lacks

MIB = 1 << 20
Write = Callable[..., Path]

SCENARIO = """\
title = "mechanism"
guest = "GUEST"
mechanism = "MECHANISM"
[[device]]
size = "256M"
requested = "64M"
[workload]
kind = "steady"
size = "160M"
chunk = "1M"
tick = "1ms"
[[step]]
label = "grow"
requested = "256M"
timeout = "5min"
[[step]]
workload = "start"
hold = "100ms"
[[step]]
workload = "wait"
timeout = "5min"
[[step]]
workload = "stop"
[[step]]
label = "shrink"
requested = "32M"
timeout = "5min"
HOLD
[record]
guest_interval = "100ms"
"""


def text_of(guest: str, mechanism: str, hold: str = "") -> str:
    return SCENARIO.replace("GUEST", guest).replace("MECHANISM", mechanism).replace("HOLD", hold)


@pytest.mark.parametrize("mechanism", keys.MECHANISMS)
def test_machines(mechanism: str, scenario_file: Write, tmp_path: Path) -> None:
    """Without virtio-mem the device is boot memory, and the balloon says what is done with it."""
    (variant,) = scenario.read(scenario_file(text_of("linux", mechanism))).variants
    machine = machine_for(variant, Boot(Path("kernel"), "", []), "tcg", devices_of(variant, tmp_path))
    told = " ".join(machine.argv("qemu"))
    assert variant.mechanism == mechanism
    assert ("virtio-mem-pci" in told, "virtio-balloon-pci" in told, "free-page-reporting=on" in told) == (
        mechanism.startswith("virtio-mem"), mechanism != "virtio-mem", "reporting" in mechanism)  # fmt: skip
    assert machine.memory == (256 if mechanism.startswith("virtio-mem") else 512) * MIB
    assert bool(variant.steps[0].requested) == (mechanism != "reporting")


POLICY = '[policy]\nkind = "band"\n'
WRONG = [
    (text_of("linux", "ballon"), ":3: mechanism = \"ballon\"\n    allowed: one of \"virtio-mem\", \"balloon\", \"reporting\""),
    (text_of("linux", "reporting") + POLICY, 'a [policy] with mechanism = "reporting"'),
    (text_of("linux", "balloon") + '[[device]]\nsize = "256M"\n', ':31: a second [[device]] with mechanism = "balloon"'),
]  # fmt: skip


@pytest.mark.parametrize("text, words", WRONG, ids=[str(index) for index in range(len(WRONG))])
def test_wrong_mechanisms(text: str, words: str, scenario_file: Write) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario.read(scenario_file(text))
    assert words in str(caught.value)


def test_mechanism_is_swept_and_a_guests_own(scenario_file: Write) -> None:
    text = text_of("tide", "virtio-mem").replace('guest = "tide"\n', "")
    swept = scenario.read(scenario_file(text + '[sweep]\nmechanism = ["virtio-mem", "balloon"]\n'))
    assert [variant.mechanism for variant in swept.variants] == ["virtio-mem", "balloon"]
    (both,) = scenario.read(scenario_file(text + '[[guest]]\n[[guest]]\nmechanism = "balloon"\n')).variants
    assert [one.mechanism for one in both.each()] == ["virtio-mem", "balloon"]


def do_run(path: Path, guest: TideGuest | LinuxGuest, out: Path) -> results.RunResult:
    (plan,) = plan_runs([scenario.read(path)])
    meta = Run(plan, guest, out).do()
    assert meta["status"] == "complete", meta["reason"]
    return results.read_run(out)


def check_sizes(run: results.RunResult, mechanism: str) -> None:
    grow, shrink = run.steps[0], run.steps[4]
    assert (run.mechanism, grow["size_before"], grow["size_after"]) == (mechanism, 64 * MIB, 256 * MIB)
    assert (shrink["requested"], shrink["size_after"], shrink["settled"]) == (32 * MIB, 32 * MIB, 1)
    assert run.steps[2]["workload_held"] == 160 * MIB
    # What was written and then freed is not resident any more once it is given back.
    assert shrink["resident_before"] - shrink["resident_after"] > 60 * MIB
    used = [row["guest_used"] for row in run.series if row["guest_used"] is not None]
    assert 160 * MIB <= max(used) - min(used) <= 240 * MIB, "the balloon is not use"


@pytest.mark.parametrize("mechanism", ["virtio-mem", "balloon"])
def test_tide(mechanism: str, scenario_file: Write, tmp_path: Path) -> None:
    check_sizes(do_run(scenario_file(text_of("tide", mechanism)), TideGuest(), tmp_path / "run"), mechanism)


def test_linux_balloon(linux_files: LinuxFiles, scenario_file: Write, tmp_path: Path) -> None:
    check_sizes(do_run(scenario_file(text_of("linux", "balloon")), LinuxGuest(), tmp_path / "run"), "balloon")


def check_reporting(guest: str, mechanism: str, scenario_file: Write, tmp_path: Path) -> None:
    """What the workload freed goes back to the host while the guest keeps it."""
    hold = '[[step]]\nlabel = "long after"\nhold = "12s"\n'
    text = text_of(guest, mechanism, hold).replace('label = "shrink"\nrequested = "32M"', 'label = "free"\nhold = "10ms"')
    run = do_run(scenario_file(text), LinuxGuest() if guest == "linux" else TideGuest(), tmp_path / "run")
    full, after = run.steps[2], run.steps[5]
    assert full["resident_after"] - after["resident_after"] > 100 * MIB
    assert full["size_after"] == after["size_after"] == 256 * MIB


@pytest.mark.parametrize("mechanism", ["reporting", "virtio-mem+reporting"])
def test_tide_reports_what_is_free(mechanism: str, scenario_file: Write, tmp_path: Path) -> None:
    check_reporting("tide", mechanism, scenario_file, tmp_path)


def test_linux_reports_what_is_free(linux_files: LinuxFiles, scenario_file: Write, tmp_path: Path) -> None:
    check_reporting("linux", "virtio-mem+reporting", scenario_file, tmp_path)


CACHES = """\
title = "caches"
guest = "linux"
mechanism = "reporting"
[[device]]
size = "256M"
[linux]
disk = "192M"
[[step]]
label = "fill"
caches = "fill"
[[step]]
label = "stay"
hold = "5s"
[[step]]
label = "drop"
caches = "drop"
hold = "12s"
"""


def test_linux_caches(linux_files: LinuxFiles, scenario_file: Write, tmp_path: Path) -> None:
    """What the page cache holds is in use, until it is dropped; then it goes back to the host."""
    fill, stay, drop = do_run(scenario_file(CACHES), LinuxGuest(), tmp_path / "run").steps
    assert stay["resident_after"] - fill["resident_before"] > 150 * MIB
    assert stay["resident_after"] - drop["resident_after"] > 150 * MIB


def test_tide_has_no_caches(scenario_file: Write, tmp_path: Path) -> None:
    run = do_run(scenario_file(CACHES.replace('"linux"', '"tide"').replace("12s", "100ms").replace("5s", "100ms")), TideGuest(), tmp_path / "run")
    assert [step["label"] for step in run.steps] == ["fill", "stay", "drop"]


class WithoutBalloon(TideGuest):
    """A Tide that refuses every virtio device: without VERSION_1 its drivers do not begin."""

    def boot(self, variant: scenario.Variant) -> Boot:
        return replace(super().boot(variant), append="virtio.features=-version_1")


def test_a_guest_without_a_balloon_driver(scenario_file: Write, tmp_path: Path) -> None:
    (plan,) = plan_runs([scenario.read(scenario_file(text_of("tide", "reporting")))])
    meta = Run(plan, WithoutBalloon(), tmp_path / "run").do()
    assert (meta["status"], meta["reason"]) == (
        "crashed", 'mechanism = "reporting": the guest has no driver for the balloon')  # fmt: skip


class FakeQmp:
    """QEMU's answer about a balloon whose driver took these features."""

    def __init__(self, *features: str):
        self.features = features

    def execute(self, command: str, path: str) -> Any:
        assert (command, path) == ("x-query-virtio-status", "/machine/peripheral/balloon0/virtio-backend")
        return {"status": {"statuses": ["VIRTIO_CONFIG_S_DRIVER_OK: ready"]}, "guest-features": {"dev-features": self.features}}


def test_a_driver_that_does_not_report() -> None:
    stats, reporting = "VIRTIO_BALLOON_F_STATS_VQ: x", "VIRTIO_BALLOON_F_REPORTING: x"
    for mechanism, features, lacks in (
        ("balloon", [], False), ("reporting", [stats], True), ("virtio-mem+reporting", [stats], True),
        ("reporting", [stats, reporting], False), ("virtio-mem", [], False),
    ):  # fmt: skip
        said = what_guest_lacks(mechanism, FakeQmp(*features))  # type: ignore[arg-type]
        assert (said is not None and "does not report free pages" in said) == lacks, mechanism


def test_a_policy_with_a_balloon(scenario_file: Write, tmp_path: Path) -> None:
    """The same controller sets the balloon: what the guest has in all is boot memory less the balloon."""
    policy = '[policy]\nkind = "target"\nperiod = "50ms"\nstale = "5min"\nreserve = "64M"\nquiet = "100ms"\nslack = "8M"\n'
    text = text_of("tide", "balloon").replace('label = "shrink"\nrequested = "32M"', 'hold = "3s"') + policy
    text = text.replace('requested = "256M"', 'requested = "32M"').replace('size = "160M"', 'size = "300M"')
    run = do_run(scenario_file(text), TideGuest(), tmp_path / "run")
    sizes = [row["size"] for row in run.series]
    assert max(sizes) > 64 * MIB, "it grew with the workload"
    assert sizes[-1] == 0, "and gave back all but the boot memory"


def test_libvirt_runs_virtio_mem_alone(scenario_file: Write, tool: Any, tmp_path: Path) -> None:
    done = tool("experiment", "run", "--via", "libvirt", "--no-plot", "--out", tmp_path / "out", scenario_file(text_of("tide", "balloon")))
    assert done.returncode == 2 and ("with virtio-mem: no several guests" in done.stderr or "python3-libvirt" in done.stderr)

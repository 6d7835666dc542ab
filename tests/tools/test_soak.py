# SPDX-License-Identifier: BSD-2-Clause
"""tools/soak: that plans are pure and possible, that a short soak passes, and that a fault is reported and repeats."""

import dataclasses
import os
import re
import shutil
from pathlib import Path

import pytest
from conftest import BUILD, Tool
from tide.soak_plan import Abilities, Plan, draw
from tide.soak_player import STEPS, Player

NEWEST = Abilities(lets_memory_go=True, resets_in_resize=False)
SEEDS = range(300)
SHORT = 41  # a seed whose plan has few steps


def kinds_of(plan: Plan) -> set[str]:
    return {step.kind for step in plan.steps}


@pytest.mark.parametrize("able", [Abilities(), NEWEST], ids=["old", "new"])
def test_a_plan_is_its_seeds(able: Abilities) -> None:
    texts = {str(draw(seed, able)) for seed in SEEDS}
    assert len(texts) == len(SEEDS)
    assert texts == {str(draw(seed, able)) for seed in reversed(SEEDS)}


@pytest.mark.parametrize("able", [Abilities(), NEWEST], ids=["old", "new"])
def test_a_plan_asks_only_for_what_the_host_can_do(able: Abilities) -> None:
    for seed in SEEDS:
        plan = draw(seed, able)
        every = {device.id: device for device in plan.devices + plan.hot}
        sizes = [plan.memory, *(device.size for device in every.values())]
        assert len(sizes) == len(set(sizes)), "resident memory is found by the size of its mapping"
        present, saved = {device.id for device in plan.devices}, set[str]()
        for step in plan.steps:
            for name, size in step.sizes:
                assert name in present and size % every[name].block == 0 and size <= every[name].size, f"{seed}: {step}"
            if step.kind in ("add", "remove"):
                assert (step.device in present) == (step.kind == "remove")
                present ^= {step.device}
            if step.kind in ("add", "remove", "migrate"):
                saved.clear()
            saved |= {step.line} if step.kind == "save" else set()
            assert step.kind != "load" or step.line in saved
            assert step.kind != "reset" or able.resets_in_resize or not step.sizes


def test_every_kind_of_step_and_machine_is_drawn() -> None:
    plans = [draw(seed, NEWEST) for seed in SEEDS] + [draw(seed) for seed in SEEDS]
    kinds = set().union(*map(kinds_of, plans))
    assert kinds == set(STEPS)
    assert {plan.firmware for plan in plans} == {"seabios", "qboot", "seabios-iso", "ovmf-iso"}
    assert {plan.type.split(",")[0] for plan in plans} == {"q35", "pc"}
    assert {device.backend for plan in plans for device in plan.devices} == {"ram", "memfd", "file"}


def test_dry_run_prints_the_plan(tool: Tool) -> None:
    done = tool("soak", "--seed", "7", "--boots", "2", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("seed 7: ") and "\nseed 8: " in done.stdout
    assert done.stdout == tool("soak", "--seed", "7", "--boots", "2", "--dry-run").stdout


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build folder of our own: the image may be broken, and the boots leave nothing in the real one."""
    for name in ("tide.elf", "tide.iso"):
        shutil.copy(BUILD / name, tmp_path / name)
    monkeypatch.setenv("O", str(tmp_path))
    return tmp_path


def test_a_short_soak_passes(tool: Tool, build: Path) -> None:
    done = tool("soak", "--seed", str(SHORT), "--boots", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("\n2 passed, 0 failed\n")
    assert len(re.findall(r"^seed \d+: passed, \d+ steps in ", done.stdout, re.MULTILINE)) == 2
    assert not any((build / "soak").iterdir()), "a boot that passed leaves nothing"


def test_hours_are_a_limit(tool: Tool, build: Path) -> None:
    done = tool("soak", "--seed", str(SHORT), "--hours", "0")
    assert done.returncode == 1 and done.stdout == "\n0 passed, 0 failed\n"


def test_a_broken_image_is_reported_and_repeats(tool: Tool, build: Path) -> None:
    """It says that a check is right in other words than those expected."""
    image = (build / "tide.elf").read_bytes()
    assert image.count(b"stats: check: ok\n") == 1
    (build / "tide.elf").write_bytes(image.replace(b"stats: check: ok\n", b"stats: check: no\n"))
    first = tool("soak", "--seed", str(SHORT))
    assert first.returncode == 1 and first.stdout.endswith("\n0 passed, 1 failed\n"), first.stdout + first.stderr
    assert f"seed {SHORT}: FAILED at 'finish': SoakFailed: stats check: " in first.stdout
    folder = build / "soak" / f"seed{SHORT}"
    assert f"folder: {folder}\n" in first.stdout
    assert (folder / "plan.txt").read_text() == f"{draw(SHORT)}\n"
    assert {"qemu.cmd", "serial.log", "trace.log"} <= {path.name for path in folder.glob("qemu*/*")}
    again = re.search(r"again:  O=(\S+) (tools/soak) (.*)$", first.stdout, re.MULTILINE)
    assert again and again[1] == str(build)
    second = tool("soak", *again[3].split(), env=os.environ | {"O": again[1]})
    assert second.returncode == 1 and f"seed {SHORT}: FAILED at 'finish': SoakFailed: stats check: " in second.stdout


def test_a_wrong_expectation_names_the_step(build: Path, tmp_path: Path) -> None:
    """What the guest does not know is an error that no step allows."""
    plan = draw(SHORT)
    wrong = dataclasses.replace(plan.steps[0], kind="type", line="no such command")
    folder = tmp_path / "boot"
    folder.mkdir()
    with pytest.raises(Exception, match="'no such command' was answered: error: unknown command 'no'"):
        Player(dataclasses.replace(plan, steps=[wrong]), build, folder).play()
    assert (folder / "steps.log").read_text() == "start\n1 type no such command\n"

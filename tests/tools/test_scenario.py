# SPDX-License-Identifier: BSD-2-Clause
"""The checker of scenarios: what is right, and that each mistake is named with its line."""

from pathlib import Path
from typing import Callable

import pytest
from conftest import MINIMAL, TREE
from tide_experiment import forecast, keys, scenario, schema
from tide_experiment.runner import plan_runs
from tide_experiment.checker import ScenarioError
from tide_experiment.toml_lines import line_of, locate

Write = Callable[..., Path]
SHIPPED = sorted((TREE / "experiments").glob("*.toml"))


def problems(path: Path) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        scenario.read(path)
    return [f"{one.line}: {one.found} | {one.allowed}" for one in caught.value.problems]


def test_minimal(scenario_file: Write) -> None:
    read = scenario.read(scenario_file())
    assert (read.name, read.title, read.guest, read.seeds) == ("try", "Try", "tide", [1])
    (variant,) = read.variants
    assert variant.devices[0]["block"] == 2 << 20 and variant.machine["memory"] == 256 << 20
    assert [step.requested for step in variant.steps] == [{"vmem0": 128 << 20}, {"vmem0": 0}]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped(path: Path) -> None:
    """Each scenario in experiments/ is valid for both guests, and says what it shows."""
    for guest in keys.GUESTS:
        read = scenario.read(path, guest)
        assert read.guest == guest and len(read.about) > 100 and "xpect" in read.about
        assert read.warnings == []


# What is appended to the minimal scenario, or put in its place; the line; words of the message.
WRONG = [
    ("tilte = 3\n" + MINIMAL, 1, "unknown key 'tilte' in the top of the file; did you mean 'title'? | title, about"),
    (MINIMAL.replace('title = "Try"\n', ""), 1, "'title' is missing in the top of the file | title = a text"),
    (MINIMAL.replace('"256M"', '"256X"'), 3, 'device.0.size = "256X" | a size such as "512M"'),
    (MINIMAL.replace('"256M"', '"3M"'), 3, 'size = "3M" with blocks of 2M | a multiple of the block size'),
    (MINIMAL.replace('"128M"', '"512M"'), 5, "requested = 512M for vmem0 | 0 to 256M in multiples of 2M"),
    (MINIMAL.replace('"128M"', '"3M"'), 5, "requested = 3M for vmem0 | 0 to 256M in multiples of 2M"),
    (MINIMAL.replace('"128M"', '{vmem1 = "2M"}'), 5, "unknown device 'vmem1' | vmem0"),
    (MINIMAL.replace('"128M"', "true"), 5, "step.0.requested = true | a size such as"),
    (MINIMAL + 'hold = "3"\n', 8, 'step.1.hold = "3" | a time with its unit, such as "500ms"'),
    (MINIMAL + 'until = "time"\n', 8, 'until = "time" without a time | hold = "2s" beside it'),
    (MINIMAL + 'workload = "start"\n', 8, 'workload = "start" without a [workload] | a table [workload]'),
    (MINIMAL + '[machine]\nmemory = "1M"\n', 9, 'machine.memory = "1M" | a size such as "512M" or "2G"'),
    (MINIMAL + '[machine]\ncpus = 0\n', 9, "machine.cpus = 0 | a whole number from 1 to 64"),
    (MINIMAL + '[machine]\ncpus = "1"\n', 9, 'machine.cpus = "1" | a whole number from 1 to 64'),
    (MINIMAL + '[workload]\nsize = "1M"\n', 8, "'kind' is missing in [workload] | one of \"steady\""),
    (MINIMAL + '[workload]\nkind = "stedy"\n', 9, 'workload.kind = "stedy" | one of "steady", "ramp"'),
    (MINIMAL + '[workload]\nkind = "steady"\n', 8, "'size' is missing in [workload] | size = a size"),
    (MINIMAL + '[workload]\nkind = "steady"\nsize = "1M"\nlife = 3\n', 11,
     "unknown key 'life' in [workload] | size, chunk, tick"),
    (MINIMAL + '[workload]\nkind = "ramp"\nsize = "1M"\nlow = "2M"\n', 11, "low = 2M | at most the workload's size, 1M"),
    (MINIMAL + '[workload]\nkind = "random"\nsize = "1M"\noccupancy = 101\n', 11,
     "workload.occupancy = 101 | a whole number from 0 to 100"),
    (MINIMAL + '[workload]\nkind = "random"\nsize = "8M"\nmovable = -1\n', 11,
     "workload.movable = -1 | a whole number from 0 to 100"),
    (MINIMAL + '[workload]\nkind = "random"\nsize = "8M"\nmovable = 5\nchunk = "4M"\n', 12,
     "chunk = 4M with movable = 5 | a power of two up to 2M"),
    (MINIMAL + '[workload]\nkind = "random"\nsize = "8M"\nmovable = 5\nchunk = "12K"\n', 12,
     "chunk = 12K with movable = 5 | a power of two up to 2M"),
    (MINIMAL + '[linux]\nmemhp_default_state = "movable"\n', 9,
     'linux.memhp_default_state = "movable" | one of "online_movable"'),
    (MINIMAL + '[sweep]\n"device.blocks" = ["2M"]\n', 9, "unknown key 'blocks' in [device.0]; did you mean 'block'?"),
    (MINIMAL + '[sweep]\n"device.block" = "2M"\n', 9, '"device.block" = "2M" | a list with one value or more'),
    (MINIMAL + '[sweep]\n"device.block" = ["2M", "3M"]\n', 9, 'device.0.block = "3M" | a size such as'),
    (MINIMAL + '[sweep]\n"devise.block" = ["2M"]\n', 9, '"devise.block" names no key that can be swept | machine.memory'),
    (MINIMAL + '[sweep]\n"step.7.hold" = ["2s"]\n', 9, '"step.7.hold" names no key that can be swept'),
    ('title = "a"\n[[step]]\nrequested = "0"\n', 1, "no [[device]] | 1 to 16 tables [[device]]"),
    ('title = "a"\n[[device]]\n', 1, "no [[step]] | one table [[step]] or more"),
    ('title = "a"\nseeds = []\n' + MINIMAL[len('title = "Try"\n'):], 2, "seeds = [] | a list of whole numbers"),
    ('title = "a"\nguest = "bsd"\n' + MINIMAL[len('title = "Try"\n'):], 2, 'guest = "bsd" | one of "tide", "linux"'),
    (MINIMAL.replace("[[device]]", "[device]"), 2, "[device], one table | 1 to 16 tables [[device]], named vmem0"),
    ('title = "a"\n[[device]]\n[step]\nrequested = "0"\n', 3, "[step], one table | one table [[step]] or more"),
    ('title = "a"\ndevice = 5\n[[step]]\nrequested = "0"\n', 2, "device = 5 | 1 to 16 tables [[device]]"),
    (MINIMAL + "[[machine]]\ncpus = 2\n", 8, "1 tables [[machine]] | a table [machine]: memory, cpus"),
    (MINIMAL + '[[workload]]\nkind = "steady"\n', 8, "1 tables [[workload]] | a table [workload] with its kind"),
    (MINIMAL + '[[sweep]]\n"device.block" = ["2M"]\n', 8, '1 tables [[sweep]] | a table: "device.block" ='),
    (MINIMAL.replace('"256M"', '"1GB"'), 3, 'device.0.size = "1GB" | a size such as "512M" or "2G" (powers of 1024'),
    (MINIMAL.replace('"256M"', '"1Gb"'), 3, 'device.0.size = "1Gb" | a size such as "512M" or "2G" (powers of 1024'),
    (MINIMAL + "[[step]]\n", 8, "a [[step]] that does nothing | requested, workload, migration, caches or hold"),
    (MINIMAL + '[[step]]\ncaches = "fill"\n', 9, 'caches = "fill" without a disk | disk = "512M" in [linux]'),
    (MINIMAL + '[[step]]\ncaches = "empty"\n', 9, 'step.2.caches = "empty" | one of "fill", "drop"'),
    (MINIMAL + '[[step]]\nlabel = "nothing"\n', 8, "a [[step]] that does nothing | requested, workload"),
    (MINIMAL + '[[step]]\nrequested = {}\n', 8, "a [[step]] that does nothing | requested, workload"),
    (MINIMAL + '[[step]]\nmigration = "cancel"\n', 9,
     'migration = "cancel" without a start before it | migration = "start" in a step before'),
    (MINIMAL + 2 * '[[step]]\nmigration = "start"\n', 11,
     'migration = "start" while one is there | migration = "cancel" before it'),
    (MINIMAL + '[[step]]\nworkload = "wait"\n[workload]\nkind = "steady"\nsize = "1M"\n', 9,
     'workload = "wait" without a start before it | workload = "start" in a step before'),
    (MINIMAL + '[machine]\ncpu = "foo"\n', 9, 'machine.cpu = "foo" | a name that `qemu-system-x86_64 -cpu help` lists'),
    (MINIMAL + '[machine]\ntype = "q36,acpi=off"\n', 9, 'machine.type = "q36,acpi=off" | a name that `qemu-system-x86'),
    ('title = "a"\nguest = \n', 2, "Invalid value | TOML: key = value"),
    ('title = "a"\n[device\n', 2, "Expected ']' at the end of a table declaration | TOML"),
]  # fmt: skip


@pytest.mark.parametrize("text, line, words", WRONG, ids=[str(index) for index in range(len(WRONG))])
def test_wrong(scenario_file: Write, text: str, line: int, words: str) -> None:
    found = problems(scenario_file(text))
    assert any(one.startswith(f"{line}: {words}") for one in found), found


STEADY = MINIMAL.replace('"0"', '"64M"') + '[workload]\nkind = "steady"\nsize = "96M"\n'
WAITS = '[[step]]\nworkload = "start"\n[[step]]\nworkload = "wait"\n'

WARNED = [
    (STEADY + WAITS + '[[step]]\nrequested = "64M"\n', 16,
     "64M while the workload holds 96M: the step would wait for its whole timeout of 30 s"),
    (STEADY + WAITS + '[[step]]\nrequested = "64M"\ntimeout = "2s"\n[sweep]\n"workload.size" = ["64M", "128M"]\n', 16,
     "64M while the workload holds 128M: the step would wait for its whole timeout of 2 s"),
    (MINIMAL + '[workload]\nkind = "ramp"\nsize = "1M"\nticks = 4000\n' + WAITS, 15,
     "4000 ticks of 0.01 s do not end within the step's timeout of 30 s"),
]  # fmt: skip
NOT_WARNED = [
    STEADY + WAITS + '[[step]]\nrequested = "64M"\nuntil = "time"\nhold = "1s"\n',
    STEADY + WAITS + '[[step]]\nworkload = "stop"\n[[step]]\nrequested = "64M"\n',
    STEADY + "movable = 50\n" + WAITS + '[[step]]\nrequested = "64M"\n',
    STEADY.replace("steady", "random") + "occupancy = 50\n" + WAITS + '[[step]]\nrequested = "64M"\n',
]


@pytest.mark.parametrize("text, line, words", WARNED, ids=[str(index) for index in range(len(WARNED))])
def test_steps_that_wait_in_vain(scenario_file: Write, text: str, line: int, words: str) -> None:
    (warning,) = scenario.read(scenario_file(text)).warnings
    assert f"try.toml:{line}: warning: {words}" in warning


@pytest.mark.parametrize("text", NOT_WARNED, ids=[str(index) for index in range(len(NOT_WARNED))])
def test_steps_that_need_not_wait(scenario_file: Write, text: str) -> None:
    assert scenario.read(scenario_file(text)).warnings == []


def test_forecast(scenario_file: Write) -> None:
    """Holds and ticks count once, timeouts at most; runs multiply, jobs divide."""
    text = MINIMAL + 'hold = "3s"\n[workload]\nkind = "ramp"\nsize = "1M"\nticks = 500\n' + WAITS
    (variant,) = scenario.read(scenario_file(text)).variants
    least, most = forecast.run_seconds(variant)
    assert 3 + 5 + 2 <= least <= 12 and most == pytest.approx(least + 90 - 5, abs=1)
    many = scenario.read(scenario_file(text.replace('"Try"\n', '"Try"\nrepetitions = 4\nseeds = [1, 2]\n')))
    words = [forecast.words_of(seconds) for seconds in (8 * least, 8 * most, 8 * least / 2, 8 * most / 2)]
    assert forecast.duration([many]) == f"about {words[0]}, at most {words[1]}"
    assert forecast.duration([many], jobs=2) == f"about {words[2]}, at most {words[3]}"
    assert [forecast.words_of(seconds) for seconds in (12, 240, 7800)] == ["12 s", "4 min", "2 h 10 min"]


def test_every_problem_is_named(scenario_file: Write) -> None:
    found = problems(scenario_file(MINIMAL.replace('"256M"', '"x"').replace('"0"', '"y"') + "z = 1\n"))
    assert [one.split(":")[0] for one in found] == ["3", "7", "8"]


def test_sweep_multiplies(scenario_file: Write) -> None:
    text = MINIMAL + '[sweep]\n"device.block" = ["2M", "4M"]\n"step.0.requested" = ["64M", "128M", "256M"]\n'
    read = scenario.read(scenario_file(text))
    assert [variant.name for variant in read.variants][:2] == [
        "device.block=2M,step.0.requested=64M", "device.block=2M,step.0.requested=128M"]  # fmt: skip
    assert {(v.devices[0]["block"], v.steps[0].requested["vmem0"]) for v in read.variants} == {
        (block << 20, size << 20) for block in (2, 4) for size in (64, 128, 256)}  # fmt: skip


def test_sweep_sets_every_device(scenario_file: Write) -> None:
    text = MINIMAL + '[[device]]\nblock = "8M"\n[sweep]\n"device.block" = ["4M"]\n"device.1.size" = ["64M"]\n'
    (variant,) = scenario.read(scenario_file(text.replace('"128M"', '"32M"'))).variants
    assert [(one["block"], one["size"]) for one in variant.devices] == [(4 << 20, 256 << 20), (4 << 20, 64 << 20)]


def test_workload_starts_after_the_first_step_by_default(scenario_file: Write) -> None:
    text = MINIMAL + '[workload]\nkind = "steady"\nsize = "8M"\n'
    steps = scenario.read(scenario_file(text)).variants[0].steps
    assert [step.workload for step in steps] == [None, "start"]


def test_runs_are_interleaved(scenario_file: Write) -> None:
    path = scenario_file(MINIMAL.replace('"Try"\n', '"Try"\nrepetitions = 2\nseeds = [3, 4]\n'))
    plans = plan_runs([scenario.read(path, guest) for guest in keys.GUESTS])
    assert [(p.repetition, p.seed, p.guest) for p in plans] == [
        (r, s, g) for r in (1, 2) for s in (3, 4) for g in ("tide", "linux")]  # fmt: skip
    assert len({plan.folder_name() for plan in plans}) == 8


def test_lines_of_keys() -> None:
    text = '# head\na = """\nb = 1\n[c]\n"""\n[d]\n"e.f" = [\n 1, # ]\n "]",\n]\ng.h = 1\n[[i]]\nj = 1\n[[i]]\nj = {k = 2}\n'
    lines = locate(text)
    assert lines[("a",)] == 2 and ("b",) not in lines and ("c",) not in lines
    assert lines[("d", "e.f")] == 7 and lines[("d", "g", "h")] == 11
    assert (lines[("i", 0, "j")], lines[("i", 1)], lines[("i", 1, "j")]) == (13, 14, 15)
    assert line_of(lines, ("i", 1, "j", "k")) == 15 and line_of(lines, ("nowhere",)) == 1


def test_check_command(scenario_file: Write, tool: Callable[..., object]) -> None:
    good = tool("experiment", "check", scenario_file())
    assert good.returncode == 0 and "1 runs" in good.stdout and "about 2 s, at most 62 s" in good.stdout
    bad = tool("experiment", "check", scenario_file("x = 1\n", "bad.toml"), "no-such.toml")
    assert bad.returncode == 2
    assert "bad.toml:1: unknown key 'x'" in bad.stderr and "no-such.toml: No such file" in bad.stderr
    keys = tool("experiment", "check", "--keys")
    assert keys.returncode == 0 and "occupancy" in keys.stdout and "memhp_default_state" in keys.stdout
    help_text = tool("experiment", "--help").stdout
    assert "[[device]]" in help_text and "tools/experiment compare" in help_text


def test_names_of_qemu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Aliases and options are taken; where there is no QEMU to ask, every name is."""
    cpu, machine = schema.qemu_name("-cpu"), schema.qemu_name("-machine")
    for name in ("qemu64", "max,+avx2", "486"):
        assert cpu.read(name) == name
    for name in ("pc", "q35", "microvm,pcie=on", "none"):
        assert machine.read(name) == name
    monkeypatch.setenv("QEMU", "/no/such/qemu")
    schema.qemu_names.cache_clear()
    assert cpu.read("foo") == "foo"
    schema.qemu_names.cache_clear()

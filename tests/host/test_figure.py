# SPDX-License-Identifier: BSD-2-Clause
"""The figures of the bench: how they are written, the record that is kept, and lint's look at the README."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from tide import figure
from tide.figure import Figure

MARKS = "# Tide\n\n<!-- make readme -->\n<!-- end -->\n\nMore.\n"


def record() -> dict[str, Any]:
    """A record with every figure that the README shows: 1,000 for Tide and twice that for Linux."""
    names = [name for _, row in figure.SHOWN for name in row]
    rows = [{"name": name, "unit": "instructions", "measured": 1000, "target": 2000} for name in names]
    linux = {"linux": "6.1.9-1", "qemu": "QEMU 7.2.9", "figures": {names[0]: 2000}}
    return {"qemu": "QEMU 7.2.9", "linux": linux, "figures": rows}


@pytest.mark.parametrize("value, unit, words", [
    (77.4, "instructions", "77"),
    (9873, "instructions", "9,873"),
    (10_000, "instructions", "10 k"),
    (15_432, "instructions", "15.4 k"),
    (999_499, "instructions", "999 k"),
    (999_500, "instructions", "1 M"),
    (18_840_000, "instructions", "18.8 M"),
    (6.17e9, "instructions", "6.17 G"),
    (4096, "bytes", "4.0 KiB"),
    (1.153, "x nothing", "1.15 x"),
    (40.4, "x nothing", "40 x"),
    (0, "accesses", "0"),
    (0.42, "a second", "0.4"),
    (2, "a second", "2"),
    (99.3, "a second", "99"),
])  # fmt: skip
def test_shown(value: float, unit: str, words: str) -> None:
    assert figure.shown(value, unit) == words


def test_a_figure_is_reached_at_its_target() -> None:
    assert figure.least("plug", "instructions", 10, [12, 10, 11]).reached
    assert not figure.middle("plug", "instructions", 10, [12, 10, 11]).reached
    assert Figure("plug", "instructions", 10, 10).reached


def test_what_is_kept_has_no_samples() -> None:
    rows = [{"name": "plug", "unit": "requests", "measured": 1, "target": 1, "samples": [1, 1], "reached": True}]
    report = {"qemu": "QEMU 7.2.9", "host": "here", "linux": {"figures": {}}, "figures": rows, "sweep": []}
    assert figure.to_record(report) == {
        "qemu": "QEMU 7.2.9", "linux": {"figures": {}},
        "figures": [{"name": "plug", "unit": "requests", "measured": 1, "target": 1}],
    }  # fmt: skip


def test_the_table_of_a_record() -> None:
    page = figure.with_table(MARKS, record())
    assert page.startswith("# Tide\n\n<!-- make readme -->\nBy `make bench` on QEMU 7.2.9 under TCG, ")
    assert page.endswith("|\n<!-- end -->\n\nMore.\n")
    assert "Linux 6.1.9-1 on QEMU 7.2.9" in page
    assert f"| {figure.SHOWN[0][0]} | 2,000 | 1,000 |\n" in page
    assert "| guest instructions to plug 512 GiB, and to unplug them, idle | - | 1,000; 1,000 |\n" in page
    assert figure.with_table(page, record()) == page, "a second time nothing changes"
    assert figure.complaints(page, record()) == []


def test_a_figure_that_the_readme_has_not_followed() -> None:
    page = figure.with_table(MARKS, record())
    newer = record()
    newer["figures"][0]["measured"] = 900
    assert figure.complaints(page, newer) == [
        "README.md: its figures are not those of docs/figures/bench.json: `make readme` writes both"
    ]
    assert figure.complaints(page.replace("2,000", "2,001"), record()) == figure.complaints(page, newer)


def test_figures_that_are_there_twice_or_not_at_all() -> None:
    page = figure.with_table(MARKS, record())
    wrong = record()
    wrong["figures"].append(copy.deepcopy(wrong["figures"][0]))
    assert f"docs/figures/bench.json: {figure.SHOWN[0][1][0]}: 2 times" in figure.complaints(page, wrong)
    wrong = record()
    wrong["linux"]["figures"]["plug a cow"] = 1
    assert "docs/figures/bench.json: Linux has 'plug a cow', Tide has not" in figure.complaints(page, wrong)
    wrong = record()
    name = wrong["figures"].pop()["name"]
    assert f"docs/figures/bench.json: has no figure '{name}', which README.md shows" in figure.complaints(page, wrong)


def test_no_row_of_the_readme_shows_a_figure_again(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for _, row in figure.SHOWN for name in row]
    assert len(names) == len(set(names)), "the README's own rows"
    monkeypatch.setattr(figure, "SHOWN", (*figure.SHOWN, ("again", (names[0],))))
    page = figure.with_table(MARKS, record())
    assert f"README.md: {names[0]}: in 2 rows" in figure.complaints(page, record())


@pytest.mark.parametrize("page", ["no marks\n", MARKS + MARKS, MARKS.replace("<!-- end -->", "")])
def test_a_page_without_one_place(page: str) -> None:
    assert figure.complaints(page, record()) == [
        "README.md: no place for the figures: `<!-- make readme -->` to `<!-- end -->`, once"
    ]


def test_a_record_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    with pytest.raises(ValueError, match=r"No such file or directory: `make bench` and `make readme` write it"):
        figure.read_record(path)
    path.write_text("{")
    with pytest.raises(ValueError, match="bench.json: Expecting"):
        figure.read_record(path)
    path.write_text(json.dumps(record()))
    assert figure.recorded_linux(path).figures == {figure.SHOWN[0][1][0]: 2000}

# SPDX-License-Identifier: BSD-2-Clause
"""The ledger of a resize: a row for each access with its reason, the counts, and their place in the page."""

import re
from pathlib import Path

import pytest
from tide import ledger
from tide.accesses import Access
from tide.exits import Event, Interrupt

PAGE = Path(__file__).resolve().parent.parent.parent / "docs/performance.md"


def access(device: str, register: str, value: int = 1, is_write: bool = False) -> Access:
    return Access(0, device, register, is_write, value, "0x55d0")


ISR = access("virtio-mem", "ISR", 3)
EOI = access("pic", "command, master", 0x62, True)
TICK: list[Event] = [Interrupt(0x20), access("pic", "command, master", 0x60, True)]
RESIZE: list[Event] = [Interrupt(0x2A), ISR, EOI, access("virtio-mem", "requested_size, high", 0),
                       access("virtio-mem", "notify", 0, True)]  # fmt: skip


def test_a_row_for_each_event() -> None:
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in ledger.rows([*TICK, *RESIZE])]
    assert [row[:4] for row in cells] == [
        ["", "**interrupt**", "vector 0x20", ""],
        ["1", "write pic", "command, master", "0x60"],
        ["", "**interrupt**", "vector 0x2a", ""],
        ["2", "read virtio-mem", "ISR", "3"],
        ["3", "write pic", "command, master", "0x62"],
        ["4", "read virtio-mem", "requested_size, high", "0"],
        ["5", "write virtio-mem", "notify", "0"],
    ]
    assert [row[4] for row in cells[:3]] == ["a deadline is there", "end of interrupt", "the device has news"]
    assert cells[4][5] == "8259A, OCW2" and cells[5][4] == "its upper half"


def test_an_interrupt_that_only_ends() -> None:
    assert ledger.cause_of([Interrupt(0x26), EOI, *TICK], 0) == "the device has answered"


def test_an_access_without_a_reason() -> None:
    with pytest.raises(ValueError, match="no reason is known for virtio-mem, node_id: tools/tide/ledger.py has them"):
        ledger.rows([access("virtio-mem", "node_id")])


def test_totals() -> None:
    assert ledger.totals({"Tide": RESIZE, "Linux 6.1.9": [*RESIZE, *TICK, *TICK]}) == (
        "| accesses | Tide | Linux 6.1.9 |\n"
        "|---|---|---|\n"
        "| virtio | 3 | 3 |\n"
        "| interrupt controller | 1 | 1 |\n"
        "| timer | 0 | 2 |\n"
        "| **all accesses** | 4 | 6 |\n"
        "| interrupts | 1 | 3 |\n"
    )


def test_only_the_part_of_its_mode_is_renewed() -> None:
    page = "<!-- make ledger: INTx -->\nold\n<!-- end -->\n\n<!-- make ledger: MSI-X -->\nkept\n<!-- end -->\n"
    content = ledger.render(("QEMU 7.2.9", "INTx"), {"Tide": RESIZE})
    assert ledger.replaced(page, "INTx", content) == page.replace("old\n", content)
    assert "Recorded on QEMU 7.2.9, INTx." in content
    with pytest.raises(ValueError, match="no place for the ledger: `<!-- make ledger: poll -->`"):
        ledger.replaced(page, "poll", content)


@pytest.mark.parametrize("mode", ["INTx", "MSI-X"])
def test_the_page_s_counts_are_those_of_its_rows(mode: str) -> None:
    """Of both guests, in each mode: a table that was changed by hand does not add up."""
    part = re.search(rf"<!-- make ledger: {mode} -->\n(.*?)<!-- end -->", PAGE.read_text(), re.DOTALL)
    assert part
    head, *tables = re.split(r"^\| .* \| access \|.*\n", part[1], flags=re.MULTILINE)
    for name, cells in re.findall(r"^\| \**(all accesses|interrupts)\** \| (.*) \|$", head, re.MULTILINE):
        is_interrupt = name == "interrupts"
        rows = [re.findall(r"^\| \| \*\*interrupt" if is_interrupt else r"^\| \d+ \|", table, re.MULTILINE) for table in tables]
        assert [int(cell) for cell in cells.split(" | ")] == [len(found) for found in rows]
    assert len(tables) == 2

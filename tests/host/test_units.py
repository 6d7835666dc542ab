# SPDX-License-Identifier: BSD-2-Clause
"""Sizes as people write them."""

import pytest
from tide.resize import DeviceView, target_size
from tide.units import GIB, KIB, MIB, TIB, format_size, human_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("4096", 4096), ("512M", 512 * MIB), ("512 MiB", 512 * MIB), ("1.5g", 1536 * MIB),
     ("0x200000", 2 * MIB), ("2T", 2 * TIB), ("64kib", 64 * KIB)],
)  # fmt: skip
def test_parse(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "12X", "-1", "1.0001K", "one", "0x", "5 5", "1GB", "1Gb", "64kb", "5ib", "5B"])
def test_parse_refuses(text: str) -> None:
    with pytest.raises(ValueError):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0"), (2 * MIB, "2M"), (3 * GIB // 2, "1.5G"), (4097, "4097"), (TIB, "1T")]
)
def test_format(size: int, text: str) -> None:
    assert format_size(size) == text
    assert parse_size(text) == size


def test_human() -> None:
    assert human_size(38 * MIB + 200 * KIB) == "38.2 MiB"
    assert human_size(-3 * GIB) == "-3.0 GiB"


DEVICE = DeviceView("vmem0", requested=GIB, size=GIB, max=2 * GIB, block=2 * MIB, node=0, address=0)


@pytest.mark.parametrize(
    ("text", "size"),
    [("512M", 512 * MIB), ("+512M", 1536 * MIB), ("-1G", 0), ("50%", GIB), ("33%", 674 * MIB),
     ("max", 2 * GIB), ("0", 0)],
)  # fmt: skip
def test_target(text: str, size: int) -> None:
    assert target_size(text, DEVICE) == size


@pytest.mark.parametrize("text", ["-2G", "101%", "x%", "much", "", "+"])
def test_target_refuses(text: str) -> None:
    with pytest.raises(ValueError):
        target_size(text, DEVICE)

# SPDX-License-Identifier: BSD-2-Clause
"""The image file: what the loaders of QEMU, cloud-hypervisor and Firecracker ask of an ELF."""

import struct
from dataclasses import dataclass

import pytest
from helpers import IMAGE
from tide.units import MIB

PT_LOAD, PT_NOTE = 1, 4
FLAG_EXECUTE, FLAG_WRITE = 1, 2
MULTIBOOT1_MAGIC = struct.pack("<I", 0x1BADB002)
XEN_ELFNOTE_PHYS32_ENTRY = 18


@dataclass
class Segment:
    type: int
    flags: int
    offset: int
    vaddr: int
    paddr: int
    file_size: int
    memory_size: int
    align: int


@pytest.fixture(scope="module")
def image() -> bytes:
    return IMAGE.read_bytes()


@pytest.fixture(scope="module")
def segments(image: bytes) -> list[Segment]:
    offset, = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    return [Segment(*struct.unpack_from("<IIQQQQQQ", image, offset + i * size)) for i in range(count)]


def test_is_elf64_with_an_entry_above_1_mib(image: bytes) -> None:
    assert image[:6] == b"\x7fELF\x02\x01"
    entry, = struct.unpack_from("<Q", image, 24)
    assert entry >= MIB


def test_the_one_note_is_the_pvh_entry(image: bytes, segments: list[Segment]) -> None:
    """A loader takes the last PT_NOTE, and QEMU misreads one that is aligned to 8."""
    notes = [segment for segment in segments if segment.type == PT_NOTE]
    assert len(notes) == 1 and notes[0].align == 4
    note = image[notes[0].offset : notes[0].offset + notes[0].file_size]
    name_size, descriptor_size, kind = struct.unpack_from("<III", note)
    assert (name_size, kind, note[12:16]) == (4, XEN_ELFNOTE_PHYS32_ENTRY, b"Xen\0")
    assert len(note) == 16 + descriptor_size, "nothing but this note"
    entry = int.from_bytes(note[16:20], "little")
    loads = [s for s in segments if s.type == PT_LOAD and s.flags & FLAG_EXECUTE]
    assert any(s.paddr <= entry < s.paddr + s.file_size for s in loads)


def test_no_segment_is_writable_and_executable(segments: list[Segment]) -> None:
    loads = [segment for segment in segments if segment.type == PT_LOAD]
    assert loads
    for segment in loads:
        assert segment.flags & (FLAG_WRITE | FLAG_EXECUTE) != FLAG_WRITE | FLAG_EXECUTE
        assert segment.vaddr == segment.paddr >= MIB


def test_no_multiboot1_header(image: bytes) -> None:
    """QEMU would try that before PVH, and refuse a 64-bit image."""
    assert MULTIBOOT1_MAGIC not in image[:8192]

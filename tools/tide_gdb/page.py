# SPDX-License-Identifier: BSD-2-Clause
"""tide-page: an address by the page tables, the block map and the allocator's sections. docs/architecture.md has the words."""

from dataclasses import dataclass

import gdb

from . import guest

PAGE, PAGEBLOCK, SECTION = 1 << 12, 1 << 21, 1 << 27
FRAMES = PAGEBLOCK // PAGE
PRESENT, WRITABLE, LARGE, NO_EXECUTE = 1, 1 << 1, 1 << 7, 1 << 63
PADDR = (1 << 52) - PAGE


# ---- page tables ----


@dataclass
class Walk:
    """The entries from the top to the page, and where they lead: None where nothing is mapped."""

    entries: list[tuple[int, int, int]]  # level, index, entry
    paddr: int | None
    page_bytes: int = 0


def walk(address: int) -> Walk:
    """What the page tables say of an address. Tables are read at their physical addresses, where they are mapped."""
    if not int(gdb.parse_and_eval("$cr0")) >> 31 & 1:
        return Walk([], address)
    table = int(gdb.parse_and_eval("$cr3")) & PADDR
    entries = []
    for level in (4, 3, 2, 1):
        shift = 12 + 9 * (level - 1)
        index = address >> shift & 511
        (entry,) = guest.read_words(table + 8 * index, 1)
        entries.append((level, index, entry))
        if not entry & PRESENT:
            return Walk(entries, None)
        table = entry & PADDR
        if level == 1 or entry & LARGE:
            page = 1 << shift
            return Walk(entries, (table & -page) + address % page, page)
    raise AssertionError


def walk_text(found: Walk) -> str:
    """The walk in words."""
    if not found.entries:
        return "paging is off: the address is a physical one"
    path = ", ".join(f"level {level} [{index}]" for level, index, _ in found.entries)
    entry = found.entries[-1][2]
    if found.paddr is None:
        return f"{path}: not present (entry {entry:#x})"
    writable = all(each & WRITABLE for _, _, each in found.entries)
    no_execute = any(each & NO_EXECUTE for _, _, each in found.entries)
    rights = ("writable" if writable else "read-only") + (", no-execute" if no_execute else ", executable")
    return f"{path}: a page of {guest.bytes_text(found.page_bytes)} at {found.paddr & -found.page_bytes:#x}, {rights}"


# ---- the allocator ----


class Section:
    """A struct section with its bitmaps, read once; see mm/section.h."""

    def __init__(self, address: int):
        self.value = guest.read_struct(address, "section")
        self.base = int(self.value["base"])
        self.entries = [int(self.value["entries"][i]) for i in range(SECTION // PAGEBLOCK)]
        self._masks: dict[str, int] = {}
        self._bitmaps: dict[str, list[int]] = {}

    def has(self, mask: str, index: int) -> bool:
        """Whether the pageblock is in one of the section's masks."""
        if mask not in self._masks:
            self._masks[mask] = int(self.value[mask])
        return bool(self._masks[mask] >> index & 1)

    def bits(self, bitmap: str, index: int) -> int:
        """512 bits of a pageblock in `bitmap` or `present_bitmap`, as one number."""
        if bitmap not in self._bitmaps:
            self._bitmaps[bitmap] = guest.read_words(guest.address_of(self.value[bitmap]), SECTION // PAGE // 64)
        words = self._bitmaps[bitmap][index * 8 : index * 8 + 8]
        return sum(word << 64 * i for i, word in enumerate(words))

    def number(self, masks: str, index: int) -> int:
        """A number that is kept bit by bit in an array of masks."""
        array = self.value[masks]
        low, high = array.type.range()
        return sum((int(array[i]) >> index & 1) << i for i in range(low, high + 1))

    def present(self, index: int) -> int:
        """A pageblock's frames as 512 bits: those that the allocator has."""
        if self.entries[index] & guest.constants("mm/pageblock.h")["PB_PARTIAL"]:
            return self.bits("present_bitmap", index)
        return (1 << FRAMES) - 1 if self.has("present", index) else 0

    def used(self, index: int) -> int:
        """The same: those that are in use."""
        pb = guest.constants("mm/pageblock.h")
        entry = self.entries[index]
        if not entry & (pb["PB_SPLIT"] | pb["PB_HUGE"] | pb["PB_METADATA"]):
            return 0
        free = self.bits("bitmap", index) if entry & pb["PB_SPLIT"] else 0
        return self.present(index) & ~free


class Frames:
    """The frames of the machine, with the sections that were looked at. The guest stands still meanwhile."""

    def __init__(self) -> None:
        self._sections: dict[int, Section | None] = {}

    def section(self, paddr: int) -> Section | None:
        """The section of an address, None where the allocator has no memory."""
        base = paddr & -SECTION
        if base not in self._sections:
            index = guest.constants("mm/free_index.h")
            nodes = guest.symbol("free_index_root")
            node = nodes[paddr >> index["NODE_SHIFT"]] if paddr >> index["NODE_SHIFT"] < index["ROOT_NODES"] else None
            pointer = node and guest.address_of(node) and node["sections"][base // SECTION % index["NODE_SECTIONS"]]
            empty = int(guest.symbol("&free_index_empty_section"))
            is_there = pointer and guest.address_of(pointer) not in (0, empty)
            self._sections[base] = Section(guest.address_of(pointer)) if is_there else None
        return self._sections[base]

    def nr_used(self, base: int, size: int) -> int:
        """Frames in use in a range."""
        used = 0
        at = base
        while at < base + size:
            end = min((at & -PAGEBLOCK) + PAGEBLOCK, base + size)
            section = self.section(at)
            if section:
                bits = section.used(at % SECTION // PAGEBLOCK) >> at % PAGEBLOCK // PAGE
                used += (bits & (1 << (end - at) // PAGE) - 1).bit_count()
            at = end
        return used


def pageblock_text(section: Section, index: int) -> str:
    """The state of a pageblock in words."""
    pb = guest.constants("mm/pageblock.h")
    entry = section.entries[index]
    nr_free = entry & pb["PB_FREE"]
    words = []
    if entry & pb["PB_SPLIT"]:
        words.append(f"split{', partial' if entry & pb['PB_PARTIAL'] else ''}, {nr_free} of its frames free")
    elif entry & pb["PB_METADATA"]:
        words.append("the allocator's own bitmaps")
    elif entry & pb["PB_HUGE"]:
        words.append("one page of 2M")
    else:
        return "idle" if section.has("idle", index) else "isolated" if section.has("isolated", index) else "absent"
    if entry & pb["PB_MOVABLE"]:
        owner = guest.symbol("owners", "mm/page_owner.c")[(entry & pb["PB_LIST"]) >> pb["PB_LIST_SHIFT"]]
        words.append(f"movable, owner '{owner['name'].string()}'")
    elif entry & pb["PB_SPLIT"]:
        order = "" if section.value["boot"] else f", for order {section.number('orders', index)}"
        words.append(f"unmovable{order}")
    if entry & pb["PB_RESERVATION"]:
        words.append(f"reserved by processor {(entry & pb['PB_CPU']) >> pb['PB_CPU_SHIFT']}")
    elif section.has("listed", index):
        words.append(f"on free list {section.number('free_lists', index)}")
    if section.has("isolated", index):
        words.append("isolated: its pages are being moved")
    return ", ".join(words)


def block_text(paddr: int) -> str | None:
    """The block of a device that an address lies in."""
    for name, vmem in guest.devices():
        base, size = int(vmem["config"]["region_base"]), int(vmem["config"]["block_bytes"])
        if size and base <= paddr < base + int(vmem["config"]["region_bytes"]):
            block = (paddr - base) // size
            state = state_of(vmem["map"], block)
            return f"{name} block {block} ({base + block * size:#x} +{guest.bytes_text(size)}), {state}"
    return None


def state_of(block_map: gdb.Value, block: int) -> str:
    """One block's state in the block map."""
    if int(block_map["online"][block // 64]) >> block % 64 & 1:
        return "online"
    return "in doubt" if int(block_map["in_doubt"][block // 64]) >> block % 64 & 1 else "unplugged"


def describe(address: int) -> None:
    """Print what is known of the address."""
    found = walk(address)
    paddr = address if found.paddr is None else found.paddr
    is_moved = f", frame {paddr:#x}" if paddr != address else ""
    print(f"{address:#x}{is_moved}")
    print(f"  page tables: {walk_text(found)}")
    name = gdb.execute(f"info symbol {address:#x}", to_string=True).strip()
    if not name.startswith("No symbol"):
        print(f"  symbol: {name}")
    if found.paddr is None and address >> 47:
        return
    section = Frames().section(paddr)
    index = paddr % SECTION // PAGEBLOCK
    boot = "boot RAM" if section and section.value["boot"] else None
    print(f"  memory: {block_text(paddr) or boot or 'none that the allocator has'}")
    if section:
        frame = paddr % PAGEBLOCK // PAGE
        state = "in use" if section.used(index) >> frame & 1 else "free"
        if not section.present(index) >> frame & 1:
            state = "not the allocator's"
        print(f"  pageblock: {paddr & -PAGEBLOCK:#x}, {pageblock_text(section, index)}")
        print(f"  frame: number {frame} of it, {state}")

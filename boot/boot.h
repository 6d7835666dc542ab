/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside boot/: how each protocol's parser hands its findings over. A parser
 * trusts nothing: every pointer is checked against the first 4 GiB, which is
 * all that is mapped, and every count is bounded.
 */
#ifndef TIDE_BOOT_BOOT_H
#define TIDE_BOOT_BOOT_H

#include "include/boot_info.h"
#include "include/types.h"

/* What the loader left in eax and ebx; called once by boot/entry.S, in long mode. */
_Noreturn void boot_main(u32 loader_eax, u32 loader_ebx);

/* ---- memory_map.c: the loader's entries, in any order and overlapping ---- */

#define MEMORY_MAP_ENTRIES 256

struct memory_map {
    u32 nr_entries;
    u32 nr_dropped; /* RAM that did not fit */
    struct boot_memory_range entries[MEMORY_MAP_ENTRIES];
};

/*
 * Note one entry as the loader gave it; an empty one is ignored, one that runs
 * past 2^64 is cut there. E_NOMEM where the table is full of entries that are not
 * RAM: leaving one of them out would make reserved memory usable.
 */
must_check int memory_map_add(struct memory_map *map, u64 base, u64 bytes, u32 type);

/*
 * Fill ranges[], nr_ranges and nr_ranges_dropped: sorted, without overlap,
 * neighbours of one type joined. Where entries overlap the type that promises least wins: RAM
 * loses to every other type.
 */
void memory_map_resolve(const struct memory_map *map, struct boot_info *info);

/*
 * Drop the module, with an error line, unless all of it lies in one range of RAM below
 * 4 GiB, and no page of it is the kernel's. After memory_map_resolve().
 */
void boot_check_module(struct boot_info *info);

/* ---- protocols ---- */

/* True if this is what a loader of Multiboot2 leaves in eax. */
bool multiboot2_detect(u32 loader_eax);

/* Copy the command line, the memory map, the RSDP, where the first module lies, and what is said of
 * the screen. */
must_check int multiboot2_parse(u32 loader_ebx, struct boot_info *info, struct memory_map *map);

/* True if a PVH start info lies at this address. */
bool pvh_detect(u32 start_info);

/* True if text runs up to where the start info should be: QEMU's loader has room for 4096 bytes of
 * a command line right before it, and does not look at its length. */
bool pvh_is_overwritten(u32 start_info);

/* Copy the command line, the memory map, where the first module lies and the address of the RSDP.
 * Errors are reported there. */
must_check int pvh_parse(u32 start_info, struct boot_info *info, struct memory_map *map);

#endif

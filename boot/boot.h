/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside boot/, and for extras that know another protocol: what the parser of a protocol fills in.
 * It trusts nothing: each pointer must lie in the first 4 GiB, which is all that is mapped, and
 * each count is bounded.
 */
#ifndef TIDE_BOOT_BOOT_H
#define TIDE_BOOT_BOOT_H

#include "include/boot_info.h"
#include "include/types.h"

/* boot/entry.S calls it once, in long mode, with what the loader left in eax and ebx. */
_Noreturn void boot_main(u32 loader_eax, u32 loader_ebx);

/* ---- memory_map.c: the loader's entries, in any order and overlapping ---- */

#define MEMORY_MAP_ENTRIES 256

struct memory_map {
    u32 nr_entries;
    u32 nr_dropped; /* RAM that did not fit */
    struct boot_memory_range entries[MEMORY_MAP_ENTRIES];
};

/*
 * Add one entry of the loader's. An empty one is ignored, one past 2^64 is cut, type 0 is reserved.
 * E_NOMEM if the table is full of entries that are not RAM: to leave one of them out would make
 * reserved memory usable.
 */
must_check int memory_map_add(struct memory_map *map, u64 base, u64 bytes, u32 type);

/*
 * Fill ranges[], nr_ranges and nr_ranges_dropped: sorted, without overlap,
 * neighbours of one type joined. Where entries overlap, the type that permits least wins: RAM loses
 * to each other type.
 */
void memory_map_resolve(const struct memory_map *map, struct boot_info *info);

/* ---- pvh.c ---- */

/* True if a PVH start info lies at this address. */
bool pvh_detect(u32 start_info);

/* True if there is text right before this address, and so the command line was written over the
 * start info: QEMU's loader has room for 4096 bytes before it, and does not check the length. */
bool pvh_is_overwritten(u32 start_info);

/* Copy the command line, the memory map, where the first module lies and the address of the RSDP.
 * Errors are logged. */
must_check int pvh_parse(u32 start_info, struct boot_info *info, struct memory_map *map);

#endif

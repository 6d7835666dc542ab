/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What passes between a loader and a kernel by the PVH boot protocol (Xen,
 * "x86/HVM direct boot ABI"): boot/ reads it, a handover writes it. All addresses are
 * physical. The types of the memory map are those of enum boot_memory_type.
 */
#ifndef TIDE_INCLUDE_PVH_H
#define TIDE_INCLUDE_PVH_H

#include "include/types.h"

#define PVH_MAGIC          0x336ec578
#define PVH_VERSION_MEMMAP 1  /* the first version with a memory map */
#define PVH_NOTE_ENTRY     18 /* of the ELF note "Xen" whose descriptor is the entry's address */

struct pvh_start_info {
    u32 magic;
    u32 version;
    u32 flags;
    u32 nr_modules;
    u64 modules; /* of struct pvh_module[] */
    u64 cmdline; /* NUL-terminated; 0: none */
    u64 rsdp;    /* 0: none */
    u64 memmap;  /* of struct pvh_memmap_entry[] */
    u32 memmap_entries;
    u32 reserved;
};

struct pvh_module {
    u64 base;
    u64 bytes;
    u64 cmdline;
    u64 reserved;
};

struct pvh_memmap_entry {
    u64 base;
    u64 bytes;
    u32 type;
    u32 reserved;
};

_Static_assert(sizeof(struct pvh_start_info) == 56, "the ABI's layout");
_Static_assert(sizeof(struct pvh_module) == 32, "the ABI's layout");
_Static_assert(sizeof(struct pvh_memmap_entry) == 24, "the ABI's layout");

#endif

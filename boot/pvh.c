/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PVH boot protocol (Xen, "x86/HVM direct boot ABI"): ebx points at a
 * start info, which points at the command line, the memory map, modules and the RSDP.
 *
 * All that lies in memory that the kernel will use, so it is copied here.
 */
#include "include/pvh.h"
#include "boot/boot.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "lib/string.h"

#define PVH_MEMMAP_ENTRIES 1024
#define MAPPED_AT_BOOT     (4 * GIB)

static bool is_mapped(u64 paddr, u64 bytes)
{
    return paddr < MAPPED_AT_BOOT && bytes <= MAPPED_AT_BOOT - paddr;
}

bool pvh_detect(u32 start_info)
{
    u32 magic;

    if (!is_mapped(start_info, sizeof(struct pvh_start_info)))
        return false;
    memcpy(&magic, phys_to_virt(start_info), sizeof(magic));
    return magic == PVH_MAGIC;
}

bool pvh_is_overwritten(u32 start_info)
{
    char before[16];

    if (start_info < sizeof(before) || !is_mapped(start_info - sizeof(before), sizeof(before)))
        return false;
    memcpy(before, phys_to_virt(start_info - sizeof(before)), sizeof(before));
    for (size_t i = 0; i < sizeof(before); i++)
        if (before[i] < ' ' || before[i] > '~')
            return false;
    return true;
}

static void copy_cmdline(u64 paddr, struct boot_info *info)
{
    size_t limit =
        (size_t)min_u64(BOOT_CMDLINE_BYTES, MAPPED_AT_BOOT - min_u64(paddr, MAPPED_AT_BOOT));

    if (paddr == 0)
        return;
    if (limit == 0) {
        log_error(LOG_ARCH, "boot",
                  "PVH command line at 0x%llx, expected below 4 GiB; booting without one",
                  (unsigned long long)paddr);
        return;
    }
    size_t length = strnlen(phys_to_virt(paddr), limit);
    if (length == limit) {
        info->cmdline_truncated = true;
        length = limit - 1;
    }
    memcpy(info->cmdline, phys_to_virt(paddr), length);
    info->cmdline[length] = '\0';
}

static int copy_memmap(const struct pvh_start_info *start, struct memory_map *map)
{
    u32 nr_entries = start->memmap_entries;

    if (start->version < PVH_VERSION_MEMMAP || start->memmap == 0 || nr_entries == 0) {
        log_error(LOG_ARCH, "boot", "PVH start info of version %u has no memory map",
                  start->version);
        return E_UNSUPPORTED;
    }
    if (nr_entries > PVH_MEMMAP_ENTRIES ||
        !is_mapped(start->memmap, nr_entries * sizeof(struct pvh_memmap_entry))) {
        log_error(LOG_ARCH, "boot",
                  "PVH memory map of %u entries at 0x%llx, expected at most %u, below 4 GiB",
                  nr_entries, (unsigned long long)start->memmap, PVH_MEMMAP_ENTRIES);
        return E_RANGE;
    }
    for (u32 i = 0; i < nr_entries; i++) {
        struct pvh_memmap_entry entry;

        memcpy(&entry, phys_to_virt(start->memmap + i * sizeof(entry)), sizeof(entry));
        int status = memory_map_add(map, entry.base, entry.bytes, entry.type);
        if (status != OK) {
            log_error(LOG_ARCH, "boot", "PVH memory map has more than %u reserved ranges",
                      MEMORY_MAP_ENTRIES);
            return status;
        }
    }
    return OK;
}

static void note_module(const struct pvh_start_info *start, struct boot_info *info)
{
    struct pvh_module module;

    if (start->nr_modules == 0)
        return;
    if (!is_mapped(start->modules, sizeof(module))) {
        log_error(LOG_ARCH, "boot", "PVH module list at 0x%llx, expected below 4 GiB; no module",
                  (unsigned long long)start->modules);
        return;
    }
    memcpy(&module, phys_to_virt(start->modules), sizeof(module));
    info->module = (struct boot_module){.base = module.base, .bytes = module.bytes};
}

int pvh_parse(u32 start_info, struct boot_info *info, struct memory_map *map)
{
    struct pvh_start_info start;

    memcpy(&start, phys_to_virt(start_info), sizeof(start));
    info->protocol = "pvh";
    info->rsdp = start.rsdp;
    copy_cmdline(start.cmdline, info);
    note_module(&start, info);
    return copy_memmap(&start, map);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* See handover_plan.h. */
#include "extras/handover/handover_plan.h"

#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/printf.h"

#define LOWEST (1 * MIB) /* below are firmware's data, and what the handover itself needs */

static bool is_ram(const struct boot_info *boot, const struct elf_segment *segment)
{
    for (u32 i = 0; i < boot->nr_ranges; i++) {
        const struct boot_memory_range *range = &boot->ranges[i];

        if (range->type == BOOT_MEMORY_RAM && segment->paddr >= range->base &&
            segment->paddr - range->base < range->bytes &&
            segment->bytes <= range->bytes - (segment->paddr - range->base))
            return true;
    }
    return false;
}

static int check_segment(const struct boot_info *boot, const struct elf_segment *segment,
                         char reason[ELF_REASON_BYTES])
{
    if (segment->paddr < LOWEST || !is_ram(boot, segment)) {
        snprintf(reason, ELF_REASON_BYTES,
                 "a segment of 0x%llx bytes for 0x%llx, expected RAM at or above 0x%llx",
                 (unsigned long long)segment->bytes, (unsigned long long)segment->paddr,
                 (unsigned long long)LOWEST);
        return E_INVAL;
    }
    if (ranges_overlap(segment->paddr, segment->bytes, boot->module.base, boot->module.bytes)) {
        snprintf(reason, ELF_REASON_BYTES,
                 "a segment of 0x%llx bytes for 0x%llx, where the module itself lies",
                 (unsigned long long)segment->bytes, (unsigned long long)segment->paddr);
        return E_INVAL;
    }
    return OK;
}

int handover_make_plan(const struct boot_info *boot, struct handover_plan *plan,
                       char reason[ELF_REASON_BYTES])
{
    struct elf_image image;

    if (boot->module.bytes == 0)
        return E_NODEV;
    int status =
        elf_image_parse(phys_to_virt(boot->module.base), boot->module.bytes, &image, reason);
    if (status != OK)
        return status;
    plan->entry = image.entry;
    plan->nr_copies = image.nr_segments;
    for (unsigned i = 0; i < image.nr_segments; i++) {
        const struct elf_segment *segment = &image.segments[i];

        status = check_segment(boot, segment, reason);
        if (status != OK)
            return status;
        plan->copies[i] = (struct handover_copy){
            .to = (u32)segment->paddr,
            .from = (u32)(boot->module.base + segment->file_offset),
            .bytes = (u32)segment->file_bytes,
            .zero_bytes = (u32)(segment->bytes - segment->file_bytes),
        };
    }
    return OK;
}

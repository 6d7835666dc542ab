/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the file that the loader brought can be used: what it says of it is not trusted. */
#include "extras/handover/handover_plan.h"
#include "include/extra.h"
#include "include/units.h"
#include "lib/log.h"

/* The pages that have a byte of the module. */
static struct boot_module whole_pages(const struct boot_module *module)
{
    paddr_t base = align_down(module->base, PAGE_BYTES);

    return (struct boot_module){base, align_up(module->base + module->bytes, PAGE_BYTES) - base};
}

static bool module_fits(const struct boot_info *info)
{
    struct boot_module pages;

    if (info->module.base >= 4 * GIB || info->module.bytes > 4 * GIB - info->module.base)
        return false;
    pages = whole_pages(&info->module);
    if (ranges_overlap(pages.base, pages.bytes, info->kernel_base, info->kernel_bytes))
        return false;
    for (u32 i = 0; i < info->nr_ranges; i++) {
        const struct boot_memory_range *range = &info->ranges[i];

        if (range->type == BOOT_MEMORY_RAM && info->module.base >= range->base &&
            info->module.base + (info->module.bytes - 1) <= range->base + (range->bytes - 1))
            return true;
    }
    return false;
}

bool handover_accepts_module(const struct boot_info *info)
{
    if (module_fits(info))
        return true;
    log_error(LOG_ARCH, "boot",
              "module of 0x%llx bytes at 0x%llx, expected in RAM below 4 GiB, beside the kernel; "
              "ignored",
              (unsigned long long)info->module.bytes, (unsigned long long)info->module.base);
    return false;
}

EXTRA(handover_module) = {.name = "handover", .accepts_module = handover_accepts_module};

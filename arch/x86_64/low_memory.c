/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pages in which a processor may start in real mode: this kernel's, and firmware's.
 *
 * At a wake-up SeaBIOS starts the other processors, does not wait for them, and restores their
 * page. A processor that starts late executes the restored bytes, so these must be code that
 * halts. See docs/decisions/low-memory.md.
 */
#include "arch/x86_64/low_memory.h"

#include "arch/x86_64/arch.h"
#include "include/low_memory.h"
#include "include/platform.h"
#include "include/units.h"
#include "lib/string.h"

_Static_assert(LOW_START_PAGE + PAGE_BYTES == LOW_WAKE_PAGE, "is_ram() asks for all at once");
_Static_assert(LOW_WAKE_PAGE == LOW_HANDOVER_PAGE, "one use at a time");
_Static_assert(LOW_WAKE_PAGE + PAGE_BYTES == LOW_INFO_PAGE, "is_ram() asks for all at once");
_Static_assert(LOW_FIRMWARE_START_PAGE + PAGE_BYTES == LOW_PAGES_END, "mm has what is behind");

static bool own_pages_are_ram;
static bool firmware_page_is_ram;

/* And the loader has not put the module there. */
static bool is_ram(const struct boot_info *boot, paddr_t paddr, u64 bytes)
{
    const struct boot_module *module = &boot->module;

    if (module->bytes != 0 && module->base < paddr + bytes && paddr < module->base + module->bytes)
        return false;
    for (u32 i = 0; i < boot->nr_ranges; i++) {
        const struct boot_memory_range *range = &boot->ranges[i];

        if (range->type == BOOT_MEMORY_RAM && paddr >= range->base &&
            paddr - range->base < range->bytes && bytes <= range->bytes - (paddr - range->base))
            return true;
    }
    return false;
}

static void put(paddr_t page, const u8 *code, const u8 *end)
{
    memcpy(phys_to_virt(page), code, (size_t)(end - code));
}

void low_memory_init(const struct boot_info *boot)
{
    own_pages_are_ram = is_ram(boot, LOW_START_PAGE, 3 * PAGE_BYTES);
    firmware_page_is_ram = is_ram(boot, LOW_FIRMWARE_START_PAGE, PAGE_BYTES);
    low_memory_close();
}

bool low_memory_is_ram(void)
{
    return own_pages_are_ram;
}

void low_memory_open(void)
{
    if (own_pages_are_ram)
        put(LOW_START_PAGE, cpu_start_code, cpu_start_code_end);
}

void low_memory_close(void)
{
    if (own_pages_are_ram)
        put(LOW_START_PAGE, cpu_halt_code, cpu_halt_code_end);
    if (firmware_page_is_ram)
        put(LOW_FIRMWARE_START_PAGE, cpu_halt_code, cpu_halt_code_end);
}

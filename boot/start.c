/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The step from boot/entry.S to kmain(): gather what the loader said into one struct boot_info.
 * The kernel knows PVH; extras may know further protocols.
 *
 * The console and the trap report work before a loader's table is read, so that a bad table ends
 * with a message. A bad machine ends with EXIT_BOOT.
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/image.h"
#include "boot/boot.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "kernel/kmain.h"
#include "lib/log.h"
#include "lib/string.h"

#define BIOS_EBDA_SEGMENT 0x40e /* in the BIOS data area, on page 0, which the kernel unmaps */

static struct boot_info boot_info;
static struct memory_map loader_map;

static paddr_t read_ebda(void)
{
    u16 segment;

    /* A call: no compiler believes that something lies there. */
    (memcpy)(&segment, phys_to_virt(BIOS_EBDA_SEGMENT), sizeof(segment));
    return (paddr_t)segment << 4;
}

static int parse_loader_data(u32 loader_eax, u32 loader_ebx)
{
    for_each_extra (extra) {
        if (extra->boot_detect != NULL && extra->boot_detect(loader_eax))
            return extra->boot_parse(loader_ebx, &boot_info, &loader_map);
    }
    if (pvh_detect(loader_ebx))
        return pvh_parse(loader_ebx, &boot_info, &loader_map);
    if (pvh_is_overwritten(loader_ebx)) {
        log_error(LOG_ARCH, "boot",
                  "the command line is written over the PVH start info at 0x%x: expected at most "
                  "4096 bytes, for which the loader has room",
                  loader_ebx);
        return E_RANGE;
    }
    log_error(LOG_ARCH, "boot",
              "unknown boot protocol: eax=0x%x, ebx=0x%x, expected a PVH start info at ebx",
              loader_eax, loader_ebx);
    return E_UNSUPPORTED;
}

static bool has_ram(const struct boot_info *info)
{
    for (u32 i = 0; i < info->nr_ranges; i++)
        if (info->ranges[i].type == BOOT_MEMORY_RAM)
            return true;
    return false;
}

static bool is_module_accepted(void)
{
    for_each_extra (extra) {
        if (extra->accepts_module)
            return extra->accepts_module(&boot_info);
    }
    return false;
}

void boot_main(u32 loader_eax, u32 loader_ebx)
{
    cpu_init();
    serial_init();
    boot_info.ebda = read_ebda();
    boot_info.kernel_base = virt_to_phys(image_start);
    boot_info.kernel_bytes = (u64)(image_end - image_start);
    if (parse_loader_data(loader_eax, loader_ebx) != OK)
        platform_exit(EXIT_BOOT);
    memory_map_resolve(&loader_map, &boot_info);
    if (boot_info.module.bytes != 0 && !is_module_accepted())
        boot_info.module = (struct boot_module){0};
    if (!has_ram(&boot_info)) {
        log_error(LOG_ARCH, "boot", "the loader's memory map names no RAM");
        platform_exit(EXIT_BOOT);
    }
    kmain(&boot_info);
}

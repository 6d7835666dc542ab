/* SPDX-License-Identifier: BSD-2-Clause */
/* memory: what the boot loader said, and where the plugged memory lies beside it. */
#include "include/boot_info.h"

#include "drivers/virtio/include/vmem/vmem.h"
#include "include/extra.h"
#include "include/units.h"
#include "kernel/devices.h"
#include "lib/console.h"
#include "lib/parse.h"
#include "lib/printf.h"
#include "monitor/commands.h"

static const struct boot_info *boot_info;

void commands_set_boot_info(const struct boot_info *boot)
{
    boot_info = boot;
}

const struct boot_info *commands_boot_info(void)
{
    return boot_info;
}

static const char *type_name(u32 type)
{
    switch (type) {
    case BOOT_MEMORY_RAM:
        return "RAM";
    case BOOT_MEMORY_ACPI:
        return "ACPI tables";
    case BOOT_MEMORY_NVS:
        return "ACPI NVS";
    case BOOT_MEMORY_BAD:
        return "bad";
    default:
        return "reserved";
    }
}

static void print_range(paddr_t base, u64 bytes, const char *what)
{
    char size[24];
    console_printf("  0x%012lx to 0x%012lx %10s  %s\n", (unsigned long)base,
                   (unsigned long)(base + bytes - 1), format_size(bytes, size, sizeof(size)), what);
}

void command_memory(const struct command_line *line)
{
    (void)line;
    EXTRAS_CALL(print_memory, print_range);
    console_printf("memory: the map of %s\n", boot_info->protocol);
    for (u32 i = 0; i < boot_info->nr_ranges; i++)
        print_range(boot_info->ranges[i].base, boot_info->ranges[i].bytes,
                    type_name(boot_info->ranges[i].type));
    if (boot_info->module.bytes != 0)
        print_range(boot_info->module.base, boot_info->module.bytes, "the loader's module");
    const struct vmem_device *vmem;
    char name[40];
    for (unsigned i = 0; (vmem = devices_at(i)) != NULL; i++) {
        struct vmem_status status;
        vmem_get_status(vmem, &status);
        if (status.config.region_bytes == 0)
            continue;
        snprintf(name, sizeof(name), "%s, node %u", status.name, status.node_id);
        print_range(status.config.region_base, status.config.region_bytes, name);
    }
}

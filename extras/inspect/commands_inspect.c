/* SPDX-License-Identifier: BSD-2-Clause */
/* devices, memory and map: what the machine has, and where the plugged memory lies in it. */
#include "drivers/pci/pci.h"
#include "drivers/virtio/include/vmem/vmem.h"
#include "extras/inspect/map.h"
#include "extras/inspect/virtio_names.h"
#include "include/boot_info.h"
#include "include/extra.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/devices.h"
#include "lib/console.h"
#include "lib/parse.h"
#include "lib/printf.h"
#include "monitor/command_error.h"
#include "monitor/commands.h"

/* ---- devices ---- */

static const char *class_name(const struct pci_device *pci)
{
    switch (pci->class_code << 8 | pci->subclass) {
    case 0x0101:
        return "IDE controller";
    case 0x0106:
        return "SATA controller";
    case 0x0200:
        return "network controller";
    case 0x0300:
        return "VGA controller";
    case 0x0600:
        return "host bridge";
    case 0x0601:
        return "ISA bridge";
    case 0x0604:
        return "PCI bridge";
    case 0x0680:
        return "bridge";
    case 0x0c03:
        return "USB controller";
    case 0x0c05:
        return "SMBus";
    default:
        return "";
    }
}

static void command_devices(const struct command_line *line)
{
    (void)line;
    struct pci_device *pci;
    for (unsigned i = 0; (pci = pci_device_at(i)) != NULL; i++) {
        char address[PCI_ADDRESS_TEXT_BYTES];
        u32 type = virtio_type(pci);
        console_printf("%s %04x:%04x class %02x%02x rev %u",
                       pci_address_text(pci->address, address), pci->vendor_id, pci->device_id,
                       pci->class_code, pci->subclass, pci->revision);
        if (type != 0)
            console_printf(" virtio %s\n", virtio_type_name(type));
        else
            console_printf(" %s\n", class_name(pci));
    }
}

/* ---- memory ---- */

static const struct boot_info *boot_info;

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

static void command_memory(const struct command_line *line)
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

/* ---- map ---- */

static void print_map(const struct vmem_device *vmem, unsigned nr_cells)
{
    static char cells[MAP_CELLS_MAX];
    struct vmem_status status;
    u64 blocks_a_cell;
    char region[24];
    char block[24];
    vmem_get_status(vmem, &status);
    unsigned drawn = map_draw(vmem, nr_cells, cells, &blocks_a_cell);
    console_printf("map: %s 0x%lx +%s, %lu blocks of %s, %lu a cell\n", status.name,
                   (unsigned long)status.config.region_base,
                   format_size(status.config.region_bytes, region, sizeof(region)),
                   (unsigned long)status.nr_blocks,
                   format_size(status.config.block_bytes, block, sizeof(block)),
                   (unsigned long)blocks_a_cell);
    for (unsigned first = 0; first < drawn; first += MAP_CELLS_A_ROW) {
        unsigned length = drawn - first < MAP_CELLS_A_ROW ? drawn - first : MAP_CELLS_A_ROW;
        console_printf("  [%.*s]\n", (int)length, cells + first);
    }
}

static void command_map(const struct command_line *line)
{
    const struct vmem_device *only = NULL;
    u64 nr_cells = 4 * MAP_CELLS_A_ROW;
    for (unsigned i = 1; i < line->nr_arguments; i++) {
        struct vmem_device *named = devices_find(line->arguments[i]);
        if (named) {
            only = named;
        } else if (parse_u64(line->arguments[i], &nr_cells) != OK || nr_cells == 0 ||
                   nr_cells > MAP_CELLS_MAX) {
            monitor_usage_error(line, line->arguments[i],
                                "a device such as vmem0, or a number of cells from 1 to 1024");
            return;
        }
    }
    const struct vmem_device *vmem;
    for (unsigned i = 0; (vmem = devices_at(i)) != NULL; i++) {
        if (!only || only == vmem)
            print_map(vmem, (unsigned)nr_cells);
    }
}

static const struct command commands[] = {
    {"devices", "", "every PCI function that was found", 0, 0, command_devices},
    {"memory", "", "the loader's memory map, each device's region, and nodes", 0, 0,
     command_memory},
    {"map", "[DEVICE] [CELLS]", "draw a region: . unplugged  - free  + partly used  # full", 0, 2,
     command_map},
    {0},
};

static void init(const struct boot_info *boot)
{
    boot_info = boot;
}

EXTRA(inspect) = {.name = "inspect", .init = init, .commands = commands};

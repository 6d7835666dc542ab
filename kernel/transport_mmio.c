/* SPDX-License-Identifier: BSD-2-Clause */
/* See transports.h: devices without PCI. Nothing announces them: the user, or a VMM on the kernel's
 * command line, says where they are. */
#include "drivers/virtio/include/vmem/mmio.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/options.h"
#include "kernel/transports.h"
#include "lib/parse.h"
#include "lib/printf.h"
#include "lib/string.h"

#define REGISTER_BYTES_LEAST 0x100
#define REGISTER_BYTES_MAX   (2 * PAGE_BYTES) /* mapped of a larger range */

/* The lines that are attached, by whose device. */
static struct line {
    struct vmem_virtio *virtio; /* NULL: free */
    unsigned number;
} lines[OPTIONS_MMIO_MAX];

static int check_address(const struct mmio_address *address)
{
    if (address->bytes < REGISTER_BYTES_LEAST || address->base == 0 ||
        !is_aligned(address->base, sizeof(u32)) || range_overflows(address->base, address->bytes) ||
        address->base + address->bytes > platform_paddr_limit())
        return E_RANGE;
    return OK;
}

/* A line that is given up is masked, unless it is shared. */
static void run_handler(void *context)
{
    struct line *line = context;
    if (!vmem_mmio_interrupt(line->virtio))
        platform_irq_detach_line(line->number, run_handler, line);
}

static int attach_line(unsigned number, struct vmem_virtio *virtio)
{
    for (unsigned i = 0; i < OPTIONS_MMIO_MAX; i++) {
        if (lines[i].virtio)
            continue;
        lines[i] = (struct line){virtio, number};
        int status = platform_irq_attach_line(number, run_handler, &lines[i]);
        if (status != OK)
            lines[i].virtio = NULL;
        return status;
    }
    return E_NOMEM;
}

int transport_create_mmio(const struct mmio_address *address, bool wants_irq,
                          struct vmem_virtio **created)
{
    u64 bytes = min_u64(address->bytes, REGISTER_BYTES_MAX);
    volatile void *registers;
    char location[24];

    int status = check_address(address);
    if (status == OK)
        status = platform_map_mmio(address->base, bytes, &registers);
    if (status != OK)
        return status;
    snprintf(location, sizeof(location), "mmio 0x%llx", (unsigned long long)address->base);
    status = vmem_mmio_create(registers, bytes, wants_irq, location, created);
    if (status != OK || !wants_irq || attach_line(address->irq_line, *created) == OK)
        return status;
    vmem_mmio_destroy(*created);
    return vmem_mmio_create(registers, bytes, false, location, created);
}

void transport_destroy_mmio(struct vmem_virtio *virtio)
{
    for (unsigned i = 0; i < OPTIONS_MMIO_MAX; i++) {
        if (lines[i].virtio != virtio)
            continue;
        platform_irq_detach_line(lines[i].number, run_handler, &lines[i]);
        lines[i].virtio = NULL;
    }
    vmem_mmio_destroy(virtio);
}

/* Copy the part of *text before `end` and move past it; false if `end` is not there. */
static bool take_part(const char **text, char end, char *part, size_t part_bytes)
{
    const char *found = strchr(*text, end);
    size_t length = found ? (size_t)(found - *text) : strlen(*text);

    if ((!found && end != '\0') || length >= part_bytes)
        return false;
    memcpy(part, *text, length);
    part[length] = '\0';
    *text += length + (end != '\0' && found ? 1 : 0);
    return true;
}

int transport_parse_mmio(const char *text, struct mmio_address *address)
{
    char size[24];
    char base[24];
    char line[24];
    char id[24];
    u64 irq_line;
    u64 ignored;

    if (!take_part(&text, '@', size, sizeof(size)) || !take_part(&text, ':', base, sizeof(base)))
        return E_INVAL;
    bool has_id = strchr(text, ':') != NULL;
    if (!take_part(&text, has_id ? ':' : '\0', line, sizeof(line)) ||
        (has_id && (!take_part(&text, '\0', id, sizeof(id)) || parse_u64(id, &ignored) != OK)))
        return E_INVAL;
    if (parse_size(size, &address->bytes) != OK || parse_u64(base, &address->base) != OK ||
        parse_u64(line, &irq_line) != OK || irq_line > UINT16_MAX)
        return E_INVAL;
    address->irq_line = (unsigned)irq_line;
    return check_address(address);
}

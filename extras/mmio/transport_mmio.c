/* SPDX-License-Identifier: BSD-2-Clause */
/* See mmio.h: mapping, the line, and vmem_mmio_create(). */
#include "extras/mmio/mmio.h"

#include "drivers/virtio/include/vmem/mmio.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/printf.h"

#define REGISTER_BYTES_LEAST 0x100
#define REGISTER_BYTES_MAX   (2 * PAGE_BYTES) /* mapped of a larger range */

/* The lines that are attached, by whose device. */
static struct line {
    struct vmem_virtio *virtio; /* NULL: free */
    unsigned number;
} lines[MMIO_DEVICES_MAX];

int mmio_check_address(const struct mmio_address *address)
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
    for (unsigned i = 0; i < MMIO_DEVICES_MAX; i++) {
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

    int status = mmio_check_address(address);
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
    for (unsigned i = 0; i < MMIO_DEVICES_MAX; i++) {
        if (lines[i].virtio != virtio)
            continue;
        platform_irq_detach_line(lines[i].number, run_handler, &lines[i]);
        lines[i].virtio = NULL;
    }
    vmem_mmio_destroy(virtio);
}

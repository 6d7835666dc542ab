/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_attach.h. */
#include "tests/fakes/fake_attach.h"

#include "include/platform.h"
#include "kernel/device_memory.h"

#define MEMORIES 64 /* more than a test has devices at a time */

int fake_attach(struct vmem_virtio *virtio, const char *name, enum vmem_irq_mode irq_mode,
                enum vmem_init init, struct vmem_device **attached)
{
    static struct device_memory memories[MEMORIES];
    static unsigned next;
    static bool is_woken;
    struct device_memory *memory = &memories[next++ % MEMORIES];
    *memory = (struct device_memory){0};
    const struct vmem_options options = {
        .name = name,
        .init = init,
        .irq_mode = irq_mode,
        .address_limit = platform_paddr_limit(),
        .translates_device_addresses = true,
        .memory = &device_memory_ops,
        .memory_context = memory,
        .wake_context = &is_woken,
    };
    return vmem_attach(virtio, &options, attached);
}

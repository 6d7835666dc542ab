/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tide's memory operations for the virtio-mem driver: the page allocator, by way of mm/hotplug.
 * Each device has a context of its own, which holds the session of moving pages.
 */
#ifndef TIDE_KERNEL_DEVICE_MEMORY_H
#define TIDE_KERNEL_DEVICE_MEMORY_H

#include "drivers/virtio/include/vmem/memory.h"
#include "mm/hotplug/hotplug.h"

struct device_memory {
    struct vmem_region region; /* zero bytes: none */
    struct hotplug_migration session;
};

/* The context of each is a struct device_memory, zeroed before the first use. */
extern const struct vmem_memory_ops device_memory_ops;

#endif

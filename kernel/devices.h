/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem devices of this machine: which PCI functions they are, and
 * when each driver instance wants to run.
 */
#ifndef TIDE_KERNEL_DEVICES_H
#define TIDE_KERNEL_DEVICES_H

#include "drivers/virtio/include/vmem/vmem.h"
#include "kernel/options.h"

#define VMEM_DEVICES_MAX 16

/*
 * Scan PCI and attach the driver to every virtio-mem device, unless an extra chooses some. A device
 * that cannot be used gets an error line; the others are still served. Boot only; options is kept,
 * not copied.
 */
void devices_init(const struct options *options);

/* Run each driver that has an event or whose time has come. */
void devices_service(void);

/* When devices_service() has something to do next: 0 is at once, VMEM_NEVER without a device.
 * Callable with interrupts off. */
u64 devices_due_ms(void);

/* Pages were freed: blocks that were in use may be unplugged now. */
void devices_memory_freed(void);

/* Every device has reached DRIVER_OK and settled its first plan, or cannot be used. */
bool devices_ready(void);

/* The i-th attached device, or NULL past the end; a broken one stays in the list. */
struct vmem_device *devices_at(unsigned index);

/* The attached device of this name ("vmem0"), or NULL. */
struct vmem_device *devices_find(const char *name);

#endif

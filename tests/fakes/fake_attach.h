/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver on a fake device, over Tide's own memory operations: what kernel/devices.c does, for
 * tests that have no kernel.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_ATTACH_H
#define TIDE_TESTS_FAKES_FAKE_ATTACH_H

#include "drivers/virtio/include/vmem/vmem.h"

/* vmem_attach() with these options; the allocator is mm's. */
int fake_attach(struct vmem_virtio *virtio, const char *name, enum vmem_irq_mode irq_mode,
                enum vmem_init init, struct vmem_device **attached);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices without PCI. Nothing announces them: the user, or a VMM on the kernel's command line,
 * says where they are, by virtio_mmio.device=SIZE@BASE:IRQ.
 */
#ifndef TIDE_EXTRAS_MMIO_H
#define TIDE_EXTRAS_MMIO_H

#include "drivers/virtio/include/vmem/transport.h"
#include "include/types.h"

#define MMIO_DEVICES_MAX 32

/* Where the registers are. */
struct mmio_address {
    paddr_t base;
    u64 bytes;
    unsigned irq_line;
};

/*
 * Parse "SIZE@BASE:IRQ", optionally with ":ID" behind it: SIZE with a suffix, numbers decimal or
 * hexadecimal after 0x. E_INVAL if malformed, E_RANGE if the range overflows or cannot hold the
 * registers.
 */
must_check int mmio_parse_address(const char *text, struct mmio_address *address);

/* E_RANGE if the range overflows, cannot be reached, or cannot hold the registers. */
must_check int mmio_check_address(const struct mmio_address *address);

/* Those that the command line names. */
extern struct mmio_list {
    struct mmio_address addresses[MMIO_DEVICES_MAX];
    unsigned nr;
} mmio_named;

/*
 * Map the registers, and vmem_mmio_create() there; its statuses, and E_EXIST if RAM is there. A
 * line that does not exist, or wants_irq false: the device is polled.
 */
must_check int transport_create_mmio(const struct mmio_address *address, bool wants_irq,
                                     struct vmem_virtio **created);
void transport_destroy_mmio(struct vmem_virtio *virtio);

#endif

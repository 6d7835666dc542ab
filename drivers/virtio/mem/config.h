/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory device's configuration: one snapshot, checked.
 *
 * Pure: a snapshot of bytes goes in, a decision comes out. The snapshot is
 * untrusted, so nothing is used before vmem_config_check() has accepted it.
 */
#ifndef TIDE_DRIVERS_VIRTIO_MEM_VIRTIO_MEM_CONFIG_H
#define TIDE_DRIVERS_VIRTIO_MEM_VIRTIO_MEM_CONFIG_H

#include "drivers/virtio/mem/spec.h"
#include "include/types.h"

/* More blocks are refused: the driver's book of them would take more than 4 MiB. */
#define VMEM_BLOCKS_MAX ((u64)16 << 20)

/* Large enough for every reason below. */
#define VMEM_REASON_BYTES 160

struct vmem_config {
    u64 block_bytes;
    u64 region_base;
    u64 region_bytes;
    u64 usable_bytes;
    u64 plugged_bytes;
    u64 requested_bytes;
    u16 node_id; /* 0 without ACPI_PXM */
};

/* Decode the wire's layout; node_id is ignored unless ACPI_PXM was negotiated. */
void vmem_config_decode(const struct virtio_mem_config_abi *abi, bool has_acpi_pxm,
                        struct vmem_config *config);

/*
 * NULL if the values can be used, else why not, as a clause that names the
 * value and what was expected, written to `reason`. paddr_limit: see
 * platform_paddr_limit(). Overlaps are hotplug_add_region()'s to find.
 */
must_check const char *vmem_config_check(const struct vmem_config *config, u64 paddr_limit,
                                         char *reason, size_t reason_bytes);

/*
 * The block size is not the power of two that virtio 1.4, "Memory Device: Device configuration
 * layout", demands. It can be used: blocks are counted from the region's base.
 */
bool vmem_config_is_block_odd(const struct vmem_config *config);

/* As above for a later snapshot: what must never change has not. */
must_check const char *vmem_config_check_update(const struct vmem_config *now,
                                                const struct vmem_config *before, char *reason,
                                                size_t reason_bytes);

#endif

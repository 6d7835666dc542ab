/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory device's configuration: one snapshot, checked.
 *
 * Pure: a snapshot of bytes goes in, a decision comes out. The snapshot is
 * untrusted, so nothing is used before vmem_config_check() has accepted it.
 */
#ifndef VMEM_MEM_CONFIG_H
#define VMEM_MEM_CONFIG_H

#include "../include/vmem/vmem.h"
#include "spec.h"

/* More blocks are refused: the block map of them would take more than 4 MiB. */
#define VMEM_BLOCKS_MAX ((uint64_t)16 << 20)

/* Large enough for every reason below. */
#define VMEM_REASON_BYTES 160

/* Decode the wire's layout; node_id is ignored unless ACPI_PXM was negotiated. */
void vmem_config_decode(const struct virtio_mem_config_abi *abi, bool has_acpi_pxm,
                        struct vmem_config *config);

/*
 * NULL if the values can be used, else why not, as a clause that names the
 * value and what was expected, written to `reason`. address_limit: the
 * first address that cannot be reached. Overlaps are the memory operations' to find.
 */
VMEM_MUST_CHECK const char *vmem_config_check(const struct vmem_config *config,
                                              uint64_t address_limit, char *reason,
                                              size_t reason_bytes);

/*
 * The block size is not the power of two that virtio 1.4, "Memory Device: Device configuration
 * layout", demands. It can be used: blocks are counted from the region's base.
 */
bool vmem_config_is_block_odd(const struct vmem_config *config);

/* vmem_config_check() for a later snapshot: what must never change has not. */
VMEM_MUST_CHECK const char *vmem_config_check_update(const struct vmem_config *now,
                                                     const struct vmem_config *before, char *reason,
                                                     size_t reason_bytes);

#endif

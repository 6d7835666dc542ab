/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding and checking the memory device's configuration; see the header.
 *
 * A value is refused only where the driver could not keep its promises with
 * it. It lets through what real devices do: a usable region below the
 * requested size (Firecracker after UNPLUG ALL), one that shrank, or blocks whose
 * size is no power of two (StratoVirt).
 */
#include "config.h"

#include "../core/text.h"

#define PAGE_BYTES ((uint64_t)4096)

void vmem_config_decode(const struct virtio_mem_config_abi *abi, bool has_acpi_pxm,
                        struct vmem_config *config)
{
    /* virtio 1.4, "Memory Device: Device configuration layout": the padding is ignored (M2), and
     * so is node_id unless ACPI_PXM was negotiated (M3). */
    *config = (struct vmem_config){
        .block_bytes = vmem_from_le64(abi->block_size),
        .region_base = vmem_from_le64(abi->addr),
        .region_bytes = vmem_from_le64(abi->region_size),
        .usable_bytes = vmem_from_le64(abi->usable_region_size),
        .plugged_bytes = vmem_from_le64(abi->plugged_size),
        .requested_bytes = vmem_from_le64(abi->requested_size),
        .node_id = has_acpi_pxm ? vmem_from_le16(abi->node_id) : 0,
    };
}

/* A size that must be whole blocks inside the region. */
static bool is_size_valid(const struct vmem_config *config, const char *field, uint64_t bytes,
                          char *reason, size_t reason_bytes)
{
    if (bytes % config->block_bytes != 0) {
        vmem_format(reason, reason_bytes, "%s 0x%llx is not a multiple of block_size 0x%llx", field,
                    vmem_llu(bytes), vmem_llu(config->block_bytes));
        return false;
    }
    if (bytes > config->region_bytes) {
        vmem_format(reason, reason_bytes, "%s 0x%llx is above region_size 0x%llx", field,
                    vmem_llu(bytes), vmem_llu(config->region_bytes));
        return false;
    }
    return true;
}

static bool are_sizes_valid(const struct vmem_config *config, char *reason, size_t reason_bytes)
{
    return is_size_valid(config, "usable_region_size", config->usable_bytes, reason,
                         reason_bytes) &&
           is_size_valid(config, "plugged_size", config->plugged_bytes, reason, reason_bytes) &&
           is_size_valid(config, "requested_size", config->requested_bytes, reason, reason_bytes);
}

bool vmem_config_is_block_odd(const struct vmem_config *config)
{
    return !vmem_is_power_of_two(config->block_bytes);
}

const char *vmem_config_check(const struct vmem_config *config, uint64_t address_limit,
                              char *reason, size_t reason_bytes)
{
    /* addr is a multiple of a power of two alone: blocks of another size are counted from it. */
    uint64_t base_alignment = vmem_config_is_block_odd(config) ? PAGE_BYTES : config->block_bytes;

    if (config->block_bytes == 0 || config->block_bytes % PAGE_BYTES != 0) {
        vmem_format(reason, reason_bytes, "block_size 0x%llx is not a multiple of 4096 bytes",
                    vmem_llu(config->block_bytes));
    } else if (!vmem_is_aligned(config->region_base, base_alignment)) {
        vmem_format(reason, reason_bytes, "addr 0x%llx is not a multiple of %s 0x%llx",
                    vmem_llu(config->region_base),
                    base_alignment == PAGE_BYTES ? "a page," : "block_size",
                    vmem_llu(base_alignment));
    } else if (config->region_bytes % config->block_bytes != 0) {
        vmem_format(reason, reason_bytes,
                    "region_size 0x%llx is not a multiple of block_size 0x%llx",
                    vmem_llu(config->region_bytes), vmem_llu(config->block_bytes));
    } else if (config->region_bytes != 0 && config->region_base == 0) {
        vmem_format(reason, reason_bytes, "addr is 0: the machine gave the region no place");
    } else if (config->region_bytes > address_limit ||
               config->region_base > address_limit - config->region_bytes) {
        vmem_format(reason, reason_bytes,
                    "region 0x%llx + 0x%llx ends above 0x%llx, the last address that can be mapped",
                    vmem_llu(config->region_base), vmem_llu(config->region_bytes),
                    vmem_llu(address_limit));
    } else if (config->region_bytes / config->block_bytes > VMEM_BLOCKS_MAX) {
        vmem_format(
            reason, reason_bytes, "region_size 0x%llx is %llu blocks of 0x%llx, more than %llu",
            vmem_llu(config->region_bytes), vmem_llu(config->region_bytes / config->block_bytes),
            vmem_llu(config->block_bytes), vmem_llu(VMEM_BLOCKS_MAX));
    } else if (are_sizes_valid(config, reason, reason_bytes)) {
        return NULL;
    }
    return reason;
}

const char *vmem_config_check_update(const struct vmem_config *now,
                                     const struct vmem_config *before, char *reason,
                                     size_t reason_bytes)
{
    const struct {
        const char *field;
        uint64_t now, before;
    } fixed[] = {
        {"block_size", now->block_bytes, before->block_bytes},
        {"addr", now->region_base, before->region_base},
        {"region_size", now->region_bytes, before->region_bytes},
        {"node_id", now->node_id, before->node_id},
    };
    for (unsigned i = 0; i < VMEM_ARRAY_SIZE(fixed); i++) {
        if (fixed[i].now == fixed[i].before)
            continue;
        vmem_format(reason, reason_bytes,
                    "%s changed from 0x%llx to 0x%llx, which only a system reset may do",
                    fixed[i].field, vmem_llu(fixed[i].before), vmem_llu(fixed[i].now));
        return reason;
    }
    return are_sizes_valid(now, reason, reason_bytes) ? NULL : reason;
}

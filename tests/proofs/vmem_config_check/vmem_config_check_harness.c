/* SPDX-License-Identifier: BSD-2-Clause */
/* A config that is accepted keeps every promise that the driver relies on, and no value of a field
 * or of the limit is a fault. */
#include "drivers/virtio/mem/config.c"
#include "tests/proofs/vmem_host.h"

static bool is_in_region(const struct vmem_config *config, uint64_t bytes)
{
    return bytes <= config->region_bytes && bytes % config->block_bytes == 0;
}

void harness(void)
{
    struct vmem_config config;
    uint64_t limit;
    char reason[VMEM_REASON_BYTES];

    const char *refusal = vmem_config_check(&config, limit, reason, sizeof(reason));
    PROVE(refusal == NULL || refusal == reason);
    if (refusal != NULL)
        return;
    PROVE(config.block_bytes != 0 && config.block_bytes % 4096 == 0);
    PROVE(config.region_base % 4096 == 0);
    PROVE(config.region_bytes == 0 || config.region_base != 0);
    PROVE(config.region_bytes <= limit && config.region_base <= limit - config.region_bytes);
    PROVE(config.region_bytes % config.block_bytes == 0);
    PROVE(config.region_bytes / config.block_bytes <= VMEM_BLOCKS_MAX);
    PROVE(is_in_region(&config, config.usable_bytes));
    PROVE(is_in_region(&config, config.plugged_bytes));
    PROVE(is_in_region(&config, config.requested_bytes));
}

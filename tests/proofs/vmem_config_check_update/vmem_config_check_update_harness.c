/* SPDX-License-Identifier: BSD-2-Clause */
/* A later config that is accepted has what the first had, and each size inside the region. */
#include "drivers/virtio/mem/config.c"
#include "tests/proofs/vmem_host.h"

static bool is_in_region(const struct vmem_config *config, uint64_t bytes)
{
    return bytes <= config->region_bytes && bytes % config->block_bytes == 0;
}

void harness(void)
{
    struct vmem_config now, before;
    char reason[VMEM_REASON_BYTES];
    ASSUME(before.block_bytes != 0); /* it was accepted */

    if (vmem_config_check_update(&now, &before, reason, sizeof(reason)) != NULL)
        return;
    PROVE(now.block_bytes == before.block_bytes && now.node_id == before.node_id);
    PROVE(now.region_base == before.region_base && now.region_bytes == before.region_bytes);
    PROVE(is_in_region(&now, now.usable_bytes));
    PROVE(is_in_region(&now, now.plugged_bytes));
    PROVE(is_in_region(&now, now.requested_bytes));
}

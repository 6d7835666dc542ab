/* SPDX-License-Identifier: BSD-2-Clause */
/* For harnesses of attach.c: what it takes of the host, and gives back. */
#ifndef TIDE_TESTS_PROOFS_MACHINE_HOST_H
#define TIDE_TESTS_PROOFS_MACHINE_HOST_H

#include "tests/proofs/machine.h"

uint64_t vmem_host_now_ms(void)
{
    return nondet_u64();
}

void *vmem_host_alloc(size_t bytes)
{
    PROVE(bytes == sizeof(proof_vmem));
    return nondet_bool() ? &proof_vmem : NULL;
}

void vmem_host_free(void *memory, size_t bytes)
{
    PROVE(memory == &proof_vmem && bytes == sizeof(proof_vmem));
}

int vmem_requests_init(struct vmem_requests *requests)
{
    (void)requests;
    return nondet_bool() ? VMEM_OK : VMEM_E_NOMEM;
}

void vmem_requests_free(struct vmem_requests *requests)
{
    PROVE(requests->nr_in_flight == 0);
}

int vmem_map_init(struct vmem_block_map *map, uint64_t nr_blocks)
{
    proof_online = proof_in_doubt = 0;
    *map = (struct vmem_block_map){.nr_blocks = nr_blocks};
    return nondet_bool() ? VMEM_OK : VMEM_E_NOMEM;
}

void vmem_map_free(struct vmem_block_map *map)
{
    PROVE(proof.used == 0);
    map->nr_blocks = 0;
}

/* Any config of PROOF_BLOCKS blocks that it accepts, or none. */
const char *vmem_config_check(const struct vmem_config *config, uint64_t address_limit,
                              char *reason, size_t reason_bytes)
{
    (void)address_limit, (void)reason_bytes;
    if (nondet_bool())
        return reason;
    ASSUME(config->usable_bytes <= config->region_bytes);
    ASSUME(config->requested_bytes <= config->region_bytes);
    return NULL;
}

bool vmem_config_is_block_odd(const struct vmem_config *config)
{
    (void)config;
    return nondet_bool();
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* In place of the processor's barriers, for ring.h: they only note that they were there. */
#ifndef TIDE_TESTS_PROOFS_BARRIERS_H
#define TIDE_TESTS_PROOFS_BARRIERS_H

#include <stdbool.h>

/* What no barrier has ordered yet: writes before the one that shows them to the device, any write
 * before a read, the read that tells of a used entry before those of the entry. */
static bool proof_has_written, proof_has_shown, proof_has_read;

static inline void vmem_dma_write_barrier(void)
{
    proof_has_written = false;
}

static inline void vmem_dma_read_barrier(void)
{
    proof_has_read = false;
}

static inline void vmem_dma_full_barrier(void)
{
    proof_has_written = proof_has_shown = proof_has_read = false;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that a user of the monitor holds: allocated by size, filled with a
 * pattern that names each page, checked, and freed.
 */
#ifndef TIDE_EXTRAS_WORKLOAD_WORKLOAD_H
#define TIDE_EXTRAS_WORKLOAD_WORKLOAD_H

#include "include/types.h"

#define HOLDINGS_MAX 4096

/*
 * Allocate bytes (rounded up to pages) as few contiguous runs of PAGE_USER
 * memory as there are; of one node only, if node_id is not NULL. Returns the holding's number, or
 * E_NOMEM (nothing is kept), or E_RANGE if all numbers are in use.
 */
must_check int workload_alloc(u64 bytes, const u32 *node_id);

/* Free a holding; E_NODEV if there is none of this number. */
must_check int workload_free(unsigned holding);

/* The highest number in use, or -1. */
int workload_last(void);

/*
 * Write or verify a part of the pattern, a few MiB: each 64-bit word is its own address mixed with
 * the holding's number. Of each run the first page, and one of so many after it: 1 is
 * all. From its start if is_first; one fill or check at a time. OK at the end, E_AGAIN if there is
 * more, E_NODEV if there is no such holding.
 */
must_check int workload_fill(unsigned holding, u64 step_frames, bool is_first);

struct workload_fault {
    paddr_t paddr;
    u64 found;
    u64 expected;
};

/* As above; E_INVAL if a word is wrong, with the first one in *fault. For a holding that is filled.
 */
must_check int workload_check(unsigned holding, struct workload_fault *fault, bool is_first);

/* A fill of it has come to its end. */
bool workload_is_filled(unsigned holding);

/* False if there is no holding of this number. */
bool workload_describe(unsigned holding, u64 *bytes, u64 *nr_runs, paddr_t *first);

#endif

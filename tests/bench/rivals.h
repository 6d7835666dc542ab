/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two other page allocators, as plain as they come, for bench_reclaim: the
 * lowest free run of a bitmap, and a binary buddy system. They hand out
 * numbers of frames and have no memory of their own.
 */
#ifndef TIDE_TESTS_BENCH_RIVALS_H
#define TIDE_TESTS_BENCH_RIVALS_H

#include "include/types.h"

#define RIVAL_FRAMES ((u64)1 << 20) /* 4 GiB */
#define RIVAL_NONE   (~(u64)0)

/* First fit: the lowest aligned run of 2^order free frames. Exact, whatever was freed. */
void first_fit_init(void);
u64 first_fit_alloc(unsigned order);
void first_fit_free(u64 frame, unsigned order);

/*
 * Buddy: a list of free runs for each order up to 10, split from the front and
 * joined with the buddy, what was freed last is used first: as Linux has it.
 */
void buddy_init(void);
u64 buddy_alloc(unsigned order);
void buddy_free(u64 frame, unsigned order);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two other page allocators, as plain as they come, for bench_reclaim and bench_contend: the
 * lowest free run of a bitmap, and a binary buddy system. They hand out
 * numbers of frames and have no memory of their own.
 */
#ifndef TIDE_TESTS_BENCH_RIVALS_H
#define TIDE_TESTS_BENCH_RIVALS_H

#include "include/types.h"

#define RIVAL_FRAMES ((u64)1 << 20) /* 4 GiB */
#define RIVAL_NONE   (~(u64)0)

#define BUDDY_ORDER_MAX 10

/* First fit: the lowest aligned run of 2^order free frames. Exact, whatever was freed. */
void first_fit_init(void);
u64 first_fit_alloc(unsigned order);
void first_fit_free(u64 frame, unsigned order);

/*
 * Buddy: a list of free runs for each order up to BUDDY_ORDER_MAX, split from the front and
 * joined with the buddy, what was freed last is used first: as Linux has it.
 */
void buddy_init(void);
u64 buddy_alloc(unsigned order);
void buddy_free(u64 frame, unsigned order);

/*
 * LLFree-C, only where it is linked: see bench.mk. It may be called by any thread, as the processor
 * that fake_cpu_id says, up to 7.
 */
#define LINKED_OR_NULL __attribute__((weak))
LINKED_OR_NULL void llfree_rival_init(void);
LINKED_OR_NULL u64 llfree_rival_alloc(unsigned order);
LINKED_OR_NULL void llfree_rival_free(u64 frame, unsigned order);
LINKED_OR_NULL bool llfree_rival_is_idle(void); /* every frame is free */

#endif

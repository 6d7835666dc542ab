/* SPDX-License-Identifier: BSD-2-Clause */
/* The allocator's counters and lists, recomputed: for tests, and `stats check`. */
#ifndef TIDE_EXTRAS_CHECK_PAGE_CHECK_H
#define TIDE_EXTRAS_CHECK_PAGE_CHECK_H

/* Recompute all counters and panic at the first that is wrong. While nobody allocates.
 * O(pageblocks). */
void page_check(void);

#endif

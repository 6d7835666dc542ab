/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A region of 256 MiB in 2 MiB blocks, and owners of movable pages in it: each
 * page carries a mark, each move is counted, and one page can be made to be
 * refused. The tests of migration start from it.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_OWNERS_H
#define TIDE_TESTS_FAKES_FAKE_OWNERS_H

#include "include/units.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"

#define REGION_BASE ((paddr_t)0x200000000000)
#define REGION      (256 * MIB)
#define NR_BLOCKS   (REGION / (2 * MIB))
#define PAGES_MAX   (REGION / PAGE_BYTES)

/* By the index of a page: where it is (0: not allocated), and how often it was moved. */
extern paddr_t pages[PAGES_MAX];
extern u8 moves[PAGES_MAX];
extern u64 nr_pages;
extern u64 nr_moves;
extern u64 nr_refusals;
extern u64 refused_page; /* the index of one that its owner does not let be moved */

extern struct hotplug_migration session;
extern struct page_owner owner_of_0, owner_of_6, owner_of_9; /* by the order of their pages */

/* cmocka's: the region online in a machine of 16 MiB, and the end of it. */
void setup_owners(void);
void teardown_owners(void);

void take(const struct page_owner *owner, u64 count);
void drop(u64 index, unsigned order);

/* All pages of an owner, less a share that a small generator picks. */
void take_scattered(const struct page_owner *owner, u64 percent);

void check_mark(u64 index, unsigned order);
void check_pages(unsigned order);
u64 count_live(void);
void assert_no_page_moved_twice(void);

/* Take idle blocks offline, at most so many; how many there were. */
u64 unplug_idle(u64 wanted);

/* fake_choose() for the whole region. */
u64 begin(u64 nr_blocks, enum hotplug_try attempt);

/* Until the session is at its end: the blocks that became empty, and those taken offline. */
u64 empty_all(void);
u64 take_all(void);

#endif

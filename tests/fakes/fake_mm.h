/* SPDX-License-Identifier: BSD-2-Clause */
/* The allocator on the fake platform: started as a kernel does, and regions with memory behind. */
#ifndef TIDE_TESTS_FAKES_FAKE_MM_H
#define TIDE_TESTS_FAKES_FAKE_MM_H

#include "extras/check/page_check.h" /* which nearly all of them end with */
#include "include/boot_info.h"
#include "include/types.h"
#include "mm/hotplug/hotplug.h"
#include "tests/fakes/fake_platform.h"

/* fake_boot(), and the allocator over it. fake_shutdown() ends both. */
void fake_mm_start(struct boot_info *boot, u64 bytes);

/*
 * Host memory at the address of a region, 0 at first, backed page by page as it is
 * touched; shared, so that it can be mapped elsewhere as well. Until fake_unback().
 */
void fake_back(paddr_t base, u64 bytes);
void fake_unback(paddr_t base, u64 bytes);

/* fake_back(), and all of it a region that is online. */
void fake_online(paddr_t base, u64 bytes, u64 block_bytes);

/* Begin a session and step until blocks are chosen. How many. */
u64 fake_choose(struct hotplug_migration *session, paddr_t from, paddr_t to, u64 nr_blocks,
                enum hotplug_try attempt);

/* What keeps blocks of the range, by a session that chooses none. */
struct hotplug_pinned fake_count_pinned(paddr_t from, paddr_t to);

/* Allocate every frame that anybody can have, and free them all. */
void fake_take_all_pages(void);
void fake_give_all_pages(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Moving the pages out of one pageblock. */
#ifndef TIDE_MM_HOTPLUG_MIGRATE_PAGEBLOCK_H
#define TIDE_MM_HOTPLUG_MIGRATE_PAGEBLOCK_H

#include "include/types.h"
#include "mm/section.h"

/*
 * Move all pages of an isolated pageblock elsewhere. OK: there were none. E_AGAIN:
 * there were, and they have been moved. E_BUSY: the owner refused, or E_NOMEM: there
 * was no room; what was moved before stays moved. With hotplug_lock held, but without
 * page_lock, as owners may allocate. Costs the copies, and about 30 instructions a page.
 */
must_check int migrate_pageblock(struct pageblock pb);

#endif

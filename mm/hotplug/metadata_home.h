/* SPDX-License-Identifier: BSD-2-Clause */
/* Bitmaps migrate home: from the pool in plugged memory (metadata_pool.h) to boot RAM. */
#ifndef TIDE_MM_HOTPLUG_METADATA_HOME_H
#define TIDE_MM_HOTPLUG_METADATA_HOME_H

/*
 * Move as many bitmaps as boot RAM has room for above the reserve; into the
 * reserve as well when plugged memory holds nothing but bitmaps. With page_lock
 * held. O(bitmaps moved), a copy of 4 KiB each.
 */
void metadata_migrate_home(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of mm/hotplug/ and page_init() share. */
#ifndef TIDE_MM_HOTPLUG_HOTPLUG_INTERNAL_H
#define TIDE_MM_HOTPLUG_HOTPLUG_INTERNAL_H

#include "include/boot_info.h"
#include "mm/hotplug/hotplug.h"

/* No region; new ones must not overlap the boot map, which is kept. Boot only. */
void hotplug_init(const struct boot_info *boot);

/* hotplug_offline() with hotplug_lock held. */
int hotplug_offline_locked(paddr_t base, u64 bytes);

/* ---- choose.c, for migrate.c ---- */

/* The next part of choosing. hotplug_lock held. */
void hotplug_choose_part(struct hotplug_migration *session);

/* What is isolated in the range can be used again. page_lock held. */
void hotplug_end_isolation(paddr_t from, paddr_t to);

#endif

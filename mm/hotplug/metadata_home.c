/* SPDX-License-Identifier: BSD-2-Clause */
/* See metadata_home.h. */
#include "mm/hotplug/metadata_home.h"

#include "include/platform.h"
#include "lib/string.h"
#include "mm/metadata_pool.h"
#include "mm/place.h"
#include "mm/reservation.h"

static void lock_split(struct section *section)
{
    for (u64 mask = section->split; mask != 0; mask &= mask - 1)
        pageblock_lock(&section->entries[__builtin_ctzll(mask)]);
}

/* The bits have moved: a reservation has a pointer of its own to them. */
static void unlock_split(struct section *section)
{
    for (u64 mask = section->split; mask != 0; mask &= mask - 1) {
        struct pageblock pb = {section, (unsigned)__builtin_ctzll(mask)};
        u32 entry = __atomic_load_n(pageblock_entry(pb), __ATOMIC_RELAXED) - PB_LOCK;
        reservation_follow(entry, pageblock_free_bits(pb));
        pageblock_unlock(pageblock_entry(pb), entry);
    }
}

/*
 * The reserve is for page tables. If plugged memory holds nothing but bitmaps,
 * they are those of partial pageblocks: they alone keep these blocks plugged.
 */
static bool may_move(void)
{
    return place_above_reserve(1) || page_used(false) == metadata_pool_frames();
}

static bool move(struct section *section, void *frame)
{
    if (!may_move())
        return false;
    paddr_t home = place_boot_frame();
    if (home == PADDR_NONE)
        return false;
    lock_split(section);
    memcpy(phys_to_virt(home), frame, PAGE_BYTES);
    if (section->bitmap == frame)
        section->bitmap = phys_to_virt(home);
    else
        section->present_bitmap = phys_to_virt(home);
    unlock_split(section);
    return true;
}

void metadata_migrate_home(void)
{
    struct section *section;
    void *frame;
    while ((frame = metadata_pool_first(&section)) != NULL && move(section, frame))
        metadata_pool_put(frame);
}

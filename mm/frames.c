/* SPDX-License-Identifier: BSD-2-Clause */
/* See frames.h. */
#include "mm/frames.h"

#include "extras/check/poison.h"
#include "include/status.h"
#include "lib/bitmap.h"
#include "lib/panic.h"
#include "mm/index.h"
#include "mm/meta.h"
#include "mm/page_internal.h"

/* A range in up to three: frames of one area, whole areas, frames of one area. */
struct parts {
    paddr_t base;  /* of the range */
    paddr_t whole; /* from here on whole areas */
    paddr_t tail;  /* from here on the frames of the last area */
    paddr_t end;
};

static struct parts split(paddr_t base, u64 bytes)
{
    paddr_t end = base + bytes;
    paddr_t whole = min_u64(align_up(base, AREA_BYTES), end);
    return (struct parts){base, whole, max_u64(whole, align_down(end, AREA_BYTES)), end};
}

/* The end of paddr's group, or of the range if that comes first. */
static paddr_t group_end(paddr_t paddr, paddr_t end)
{
    return min_u64(align_down(paddr, GROUP_BYTES) + GROUP_BYTES, end);
}

/* The areas of one group that [base, end) covers, both within it. */
static u64 area_mask(paddr_t base, paddr_t end)
{
    u64 count = (end - base) >> AREA_SHIFT;
    u64 mask = count >= GROUP_AREAS ? ~(u64)0 : ((u64)1 << count) - 1;
    return mask << area_index(base);
}

static u64 frame_count(paddr_t base, paddr_t end)
{
    return (end - base) >> PAGE_SHIFT;
}

/* ---- questions ---- */

/* [base, end) lies in one area. */
static bool part_absent(paddr_t base, paddr_t end)
{
    struct area_ref ref = index_area(base);
    if (base == end || !ref.group || !(ref.group->present & area_bit(ref)))
        return true;
    return ref.group->odd & area_bit(ref) &&
           bitmap_count_range(area_present_words(ref), frame_index(base), frame_count(base, end)) ==
               0;
}

bool frames_absent(paddr_t base, u64 bytes)
{
    struct parts parts = split(base, bytes);
    for (paddr_t at = parts.whole; at < parts.tail; at = group_end(at, parts.tail)) {
        const struct group *group = index_group(at);
        if (group && group->present & area_mask(at, group_end(at, parts.tail)))
            return false;
    }
    return part_absent(parts.base, parts.whole) && part_absent(parts.tail, parts.end);
}

/* ---- coming ---- */

static bool prepare_part(paddr_t base, paddr_t end)
{
    if (base == end)
        return true;
    struct group *group = meta_get_group(base);
    return group && meta_need_odd_bitmaps(group);
}

bool frames_prepare(paddr_t base, u64 bytes)
{
    struct parts parts = split(base, bytes);
    for (paddr_t at = parts.whole; at < parts.tail; at = group_end(at, parts.tail)) {
        if (!meta_get_group(at))
            return false;
    }
    return prepare_part(parts.base, parts.whole) && prepare_part(parts.tail, parts.end);
}

/* Make bits and entry say that nothing of the area is present; it may be refilled by parts. */
static u32 become_odd(struct area_ref ref)
{
    u64 bit = area_bit(ref);
    ref.group->odd |= bit;
    ref.group->small |= bit;
    for (unsigned i = 0; i < AREA_WORDS; i++)
        area_words(ref)[i] = area_present_words(ref)[i] = 0;
    return area_with_shelf(AREA_ODD | (ref.group->boot ? AREA_BOOT : 0), SHELF_UNKNOWN);
}

/* Make the area of a part odd, if it is absent. */
static void open_part(paddr_t base, paddr_t end)
{
    if (base == end || index_area(base).group->present & area_bit(index_area(base)))
        return;
    struct area_ref ref = index_area(base);
    area_lock(area_entry(ref));
    ref.group->present |= area_bit(ref);
    area_unlock(area_entry(ref), become_odd(ref));
}

/* The area is odd; [base, end) lies in it. */
static void add_part(paddr_t base, paddr_t end)
{
    if (base == end)
        return;
    struct area_ref ref = index_area(base);
    u64 count = frame_count(base, end);
    u32 entry = area_lock(area_entry(ref));
    bitmap_set_range(area_words(ref), frame_index(base), count);
    bitmap_set_range(area_present_words(ref), frame_index(base), count);
    entry += (u32)count;
    if (entry & AREA_HOLDER)
        page_charge(entry, count);
    if (bitmap_count_range(area_present_words(ref), 0, AREA_FRAMES) == AREA_FRAMES) {
        ref.group->odd &= ~area_bit(ref);
        entry = (entry & ~AREA_ODD) | AREA_PLAIN;
    }
    page_total[(entry & AREA_BOOT) != 0] += count;
    area_file(ref, entry, SHELF_UNKNOWN);
}

void frames_add(paddr_t base, u64 bytes)
{
    struct parts parts = split(base, bytes);
    poison_forget(base, bytes);
    for (paddr_t at = parts.whole; at < parts.tail; at = group_end(at, parts.tail)) {
        struct group *group = index_group(at);
        u64 mask = area_mask(at, group_end(at, parts.tail));
        group->present |= mask;
        page_total[group->boot] += frame_count(at, group_end(at, parts.tail));
        group_add_idle(group, mask);
    }
    /* Both before either is filed: one that becomes whole may drop the bitmap they share. */
    open_part(parts.base, parts.whole);
    open_part(parts.tail, parts.end);
    add_part(parts.base, parts.whole);
    add_part(parts.tail, parts.end);
}

/* ---- going ---- */

/* The idle area, just claimed, is about to be odd: all is there and free, say the bits. */
static u32 open_idle(struct area_ref ref)
{
    ref.group->small |= area_bit(ref);
    for (unsigned i = 0; i < AREA_WORDS; i++)
        area_words(ref)[i] = ~(u64)0;
    return area_with_shelf(AREA_PLAIN | AREA_FRAMES, SHELF_UNKNOWN);
}

static u32 mark_odd(struct area_ref ref, u32 entry)
{
    if (entry & AREA_ODD)
        return entry;
    ref.group->odd |= area_bit(ref);
    for (unsigned i = 0; i < AREA_WORDS; i++)
        area_present_words(ref)[i] = ~(u64)0;
    return (entry & ~AREA_PLAIN) | AREA_ODD;
}

/* [base, end) lies in one area. What is left may be odd with no frame at all until tidied. */
static int remove_part(paddr_t base, paddr_t end)
{
    if (base == end)
        return OK;
    struct area_ref ref = index_area(base);
    if (!ref.group)
        return E_BUSY;
    if (!meta_need_odd_bitmaps(ref.group))
        return E_NOMEM;
    u64 count = frame_count(base, end);
    u32 entry = area_lock(area_entry(ref));
    if (group_claim(ref.group, area_bit(ref)))
        entry = open_idle(ref);
    if (!(entry & AREA_SMALL) ||
        bitmap_count_range(area_words(ref), frame_index(base), count) != count) {
        area_unlock(area_entry(ref), entry);
        return E_BUSY;
    }
    entry = mark_odd(ref, entry);
    bitmap_clear_range(area_words(ref), frame_index(base), count);
    bitmap_clear_range(area_present_words(ref), frame_index(base), count);
    page_total[(entry & AREA_BOOT) != 0] -= count;
    if (entry & AREA_HOLDER)
        page_uncharge(entry, count);
    area_file(ref, entry - (u32)count, area_shelf(entry));
    return OK;
}

static void give_back_areas(paddr_t base, paddr_t end)
{
    for (paddr_t at = base; at < end; at = group_end(at, end))
        group_add_idle(index_group(at), area_mask(at, group_end(at, end)));
}

/* Claim every area of [base, end), or none: from then on nobody can allocate there. */
static bool claim_areas(paddr_t base, paddr_t end)
{
    for (paddr_t at = base; at < end; at = group_end(at, end)) {
        struct group *group = index_group(at);
        if (!group || !group_claim(group, area_mask(at, group_end(at, end)))) {
            give_back_areas(base, at);
            return false;
        }
    }
    return true;
}

static void remove_areas(paddr_t base, paddr_t end)
{
    for (paddr_t at = base; at < end; at = group_end(at, end)) {
        struct group *group = index_group(at);
        group->present &= ~area_mask(at, group_end(at, end));
        page_total[group->boot] -= frame_count(at, group_end(at, end));
    }
}

int frames_remove(paddr_t base, u64 bytes)
{
    struct parts parts = split(base, bytes);
    if (!claim_areas(parts.whole, parts.tail))
        return E_BUSY;
    int status = remove_part(parts.base, parts.whole);
    if (status == OK) {
        status = remove_part(parts.tail, parts.end);
        if (status == OK) {
            remove_areas(parts.whole, parts.tail);
            return OK;
        }
        add_part(parts.base, parts.whole);
    }
    give_back_areas(parts.whole, parts.tail);
    return status;
}

/* An odd area with no frame left is absent. */
static void tidy_part(paddr_t base, paddr_t end)
{
    struct area_ref ref = index_area(base);
    if (base == end || !ref.group || !(ref.group->odd & area_bit(ref)) ||
        bitmap_count_range(area_present_words(ref), 0, AREA_FRAMES) != 0)
        return;
    u32 entry = area_lock(area_entry(ref));
    area_unfile(ref, entry);
    ref.group->present &= ~area_bit(ref);
    ref.group->odd &= ~area_bit(ref);
    ref.group->small &= ~area_bit(ref);
    ref.group->movable &= ~area_bit(ref);
    ref.group->closed &= ~area_bit(ref);
    area_unlock(area_entry(ref), 0);
}

void frames_tidy(paddr_t base, u64 bytes)
{
    struct parts parts = split(base, bytes);
    tidy_part(parts.base, parts.whole);
    tidy_part(parts.tail, parts.end);
    for (paddr_t at = base; at < parts.end; at = group_end(at, parts.end)) {
        struct group *group = index_group(at);
        if (group && group->present == 0)
            meta_drop_group(group);
        else if (group && group->small == 0)
            meta_drop_bitmap(group);
    }
}

/* ---- counting ---- */

/* How many frames from paddr to its area's end are free without a gap, in an area that is used. */
static u64 free_run(struct area_ref ref, paddr_t paddr)
{
    u64 count = 0;
    u32 entry = area_lock(area_entry(ref));
    if (entry & AREA_SMALL)
        count = bitmap_find_clear(area_words(ref), AREA_FRAMES, frame_index(paddr)) -
                frame_index(paddr);
    area_unlock(area_entry(ref), entry);
    return count;
}

u64 frames_idle_run(paddr_t paddr, u64 bytes)
{
    paddr_t end = paddr + bytes;
    paddr_t at = paddr;
    while (at < end) {
        struct area_ref ref = index_area(at);
        if (!ref.group)
            break;
        u64 used_areas = ~group_idle(ref.group) >> ref.index;
        if (used_areas & 1) {
            at += free_run(ref, at) << PAGE_SHIFT;
            if (at != area_base(ref) + AREA_BYTES)
                break;
        } else {
            u64 areas = used_areas ? (u64)__builtin_ctzll(used_areas) : GROUP_AREAS - ref.index;
            at = area_base(ref) + (areas << AREA_SHIFT);
        }
    }
    return min_u64(at, end) - paddr;
}

/* The first free frame from paddr to its area's end, which is returned if there is none. */
static paddr_t next_free(struct area_ref ref, paddr_t paddr)
{
    u64 frame = AREA_FRAMES;
    u32 entry = area_lock(area_entry(ref));
    if (entry & AREA_SMALL)
        frame = bitmap_find_set(area_words(ref), AREA_FRAMES, frame_index(paddr));
    area_unlock(area_entry(ref), entry);
    return area_base(ref) + (frame << PAGE_SHIFT);
}

paddr_t frames_next_idle(paddr_t paddr, paddr_t end)
{
    paddr_t at = paddr;
    while (at < end) {
        struct area_ref ref = index_area(at);
        u64 areas = ref.group ? (group_idle(ref.group) | ref.group->small) >> ref.index : 0;
        if (areas == 0) {
            at = group_end(at, end);
        } else if (!(areas & 1)) {
            at = area_base(ref) + ((paddr_t)__builtin_ctzll(areas) << AREA_SHIFT);
        } else if (group_idle(ref.group) & area_bit(ref)) {
            return at;
        } else {
            at = next_free(ref, at);
            if (at != area_base(ref) + AREA_BYTES)
                return min_u64(at, end);
        }
    }
    return end;
}

static u64 area_used(struct area_ref ref, u64 first, u64 count)
{
    u64 used = 0;
    u32 entry = area_lock(area_entry(ref));
    if (entry & (AREA_WHOLE | AREA_META))
        used = count;
    if (entry & AREA_SMALL) {
        u64 there =
            entry & AREA_ODD ? bitmap_count_range(area_present_words(ref), first, count) : count;
        used = there - bitmap_count_range(area_words(ref), first, count);
    }
    area_unlock(area_entry(ref), entry);
    return used;
}

u64 frames_used(paddr_t base, u64 bytes)
{
    paddr_t end = base + bytes;
    paddr_t at = base;
    u64 used = 0;
    while (at < end) {
        struct area_ref ref = index_area(at);
        if (!ref.group) {
            at = group_end(at, end);
            continue;
        }
        paddr_t next = min_u64(area_base(ref) + AREA_BYTES, end);
        if (ref.group->present & ~group_idle(ref.group) & area_bit(ref))
            used += area_used(ref, frame_index(at), frame_count(at, next));
        at = next;
    }
    return used;
}

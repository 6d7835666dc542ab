/* SPDX-License-Identifier: BSD-2-Clause */
/* See frames.h. */
#include "mm/frames.h"

#include "include/status.h"
#include "lib/bitmap.h"
#include "lib/panic.h"
#include "mm/account.h"
#include "mm/free_index.h"
#include "mm/free_list.h"
#include "mm/metadata.h"
#include "mm/page_debug.h"
#include "mm/pageblock_place.h"

/* A range is up to three parts: frames of a pageblock, whole pageblocks, frames of a pageblock. */
struct parts {
    paddr_t base;
    paddr_t whole; /* from here on whole pageblocks */
    paddr_t tail;  /* from here on the frames of the last pageblock */
    paddr_t end;
};

static struct parts split(paddr_t base, u64 bytes)
{
    paddr_t end = base + bytes;
    paddr_t whole = min_u64(align_up(base, PAGEBLOCK_BYTES), end);
    return (struct parts){base, whole, max_u64(whole, align_down(end, PAGEBLOCK_BYTES)), end};
}

static u64 frame_count(paddr_t base, paddr_t end)
{
    return (end - base) >> PAGE_SHIFT;
}

/* ---- coming ---- */

static bool prepare_part(paddr_t base, paddr_t end)
{
    if (base == end)
        return true;
    return metadata_need_sections(base, end) && metadata_need_partial_bitmaps(section_lookup(base));
}

bool frames_prepare(paddr_t base, u64 bytes)
{
    struct parts parts = split(base, bytes);
    return metadata_need_sections(parts.whole, parts.tail) &&
           prepare_part(parts.base, parts.whole) && prepare_part(parts.tail, parts.end);
}

/* Make the locked pageblock partial, without any frame. Returns its entry. */
static u32 become_partial(struct pageblock pb)
{
    u64 bit = pageblock_bit(pb);
    pb.section->partial |= bit;
    pb.section->split |= bit;
    for (unsigned i = 0; i < PAGEBLOCK_WORDS; i++)
        pageblock_free_bits(pb)[i] = pageblock_present_bits(pb)[i] = 0;
    if (!pb.section->boot)
        pageblock_set_order(pb, NR_ORDERS - 1);
    return entry_with_list(PB_PARTIAL | (pb.section->boot ? PB_BOOT : 0), FREE_LIST_TOP);
}

/* If the pageblock of the part is absent, make it partial. */
static void open_part(paddr_t base, paddr_t end)
{
    if (base == end || pageblock_at(base).section->present & pageblock_bit(pageblock_at(base)))
        return;
    struct pageblock pb = pageblock_at(base);
    pageblock_lock(pageblock_entry(pb));
    pb.section->present |= pageblock_bit(pb);
    pageblock_unlock(pageblock_entry(pb), become_partial(pb));
}

static void add_part(paddr_t base, paddr_t end)
{
    if (base == end)
        return;
    struct pageblock pb = pageblock_at(base);
    u64 count = frame_count(base, end);
    u32 entry = pageblock_lock(pageblock_entry(pb));
    bitmap_set_range(pageblock_free_bits(pb), frame_index(base), count);
    bitmap_set_range(pageblock_present_bits(pb), frame_index(base), count);
    entry += (u32)count;
    if (entry & PB_RESERVED)
        account_alloc(entry, count);
    if (bitmap_count_range(pageblock_present_bits(pb), 0, PAGEBLOCK_FRAMES) == PAGEBLOCK_FRAMES) {
        pb.section->partial &= ~pageblock_bit(pb);
        entry = (entry & ~PB_PARTIAL) | PB_COMPLETE;
    }
    account_managed[(entry & PB_BOOT) != 0] += count;
    pageblock_enqueue(pb, entry, FREE_LIST_TOP);
}

void frames_add(paddr_t base, u64 bytes)
{
    struct parts parts = split(base, bytes);
    page_debug_forget(base, bytes);
    for (paddr_t at = parts.whole; at < parts.tail; at = section_end(at, parts.tail)) {
        struct section *section = section_lookup(at);
        u64 mask = pageblock_mask(at, section_end(at, parts.tail));
        section->present |= mask;
        account_managed[section->boot] += frame_count(at, section_end(at, parts.tail));
        if (!section->boot) /* the host backs none of it yet */
            __atomic_fetch_or(&section->reported, mask, __ATOMIC_RELAXED);
        section_add_idle(section, mask);
    }
    /* Both before either is enqueued: one that becomes idle may drop the bitmap they share. */
    open_part(parts.base, parts.whole);
    open_part(parts.tail, parts.end);
    add_part(parts.base, parts.whole);
    add_part(parts.tail, parts.end);
}

/* ---- going ---- */

/* Split the claimed pageblock, with all frames present and free. Returns its entry. */
static u32 open_idle(struct pageblock pb)
{
    pb.section->split |= pageblock_bit(pb);
    bitmap_set_range(pageblock_free_bits(pb), 0, PAGEBLOCK_FRAMES);
    return entry_with_list(PB_COMPLETE | PAGEBLOCK_FRAMES, FREE_LIST_TOP);
}

static u32 mark_partial(struct pageblock pb, u32 entry)
{
    if (entry & PB_PARTIAL)
        return entry;
    pb.section->partial |= pageblock_bit(pb);
    bitmap_set_range(pageblock_present_bits(pb), 0, PAGEBLOCK_FRAMES);
    return (entry & ~PB_COMPLETE) | PB_PARTIAL;
}

/* [base, end) lies in one pageblock, which may be left without any frame until tidy_part(). */
static int remove_part(paddr_t base, paddr_t end)
{
    if (base == end)
        return OK;
    struct pageblock pb = pageblock_at(base);
    if (!pb.section)
        return E_BUSY;
    /* First: the bitmaps may need an idle pageblock, which must not be this one. */
    bool was_idle = section_claim(pb.section, pageblock_bit(pb));
    if (!metadata_need_partial_bitmaps(pb.section)) {
        if (was_idle)
            section_add_idle(pb.section, pageblock_bit(pb));
        return E_NOMEM;
    }
    u64 count = frame_count(base, end);
    u32 entry = pageblock_lock(pageblock_entry(pb));
    if (was_idle)
        entry = open_idle(pb);
    if (!(entry & PB_SPLIT) ||
        bitmap_count_range(pageblock_free_bits(pb), frame_index(base), count) != count) {
        pageblock_unlock(pageblock_entry(pb), entry);
        return E_BUSY;
    }
    entry = mark_partial(pb, entry);
    bitmap_clear_range(pageblock_free_bits(pb), frame_index(base), count);
    bitmap_clear_range(pageblock_present_bits(pb), frame_index(base), count);
    account_managed[(entry & PB_BOOT) != 0] -= count;
    if (entry & PB_RESERVED)
        account_free(entry, count);
    pageblock_enqueue(pb, entry - (u32)count, entry_list(entry));
    return OK;
}

void frames_give_back_pageblocks(paddr_t base, paddr_t end)
{
    for (paddr_t at = base; at < end; at = section_end(at, end))
        section_add_idle(section_at(at), pageblock_mask(at, section_end(at, end)));
}

bool frames_claim_pageblocks(paddr_t base, paddr_t end)
{
    for (paddr_t at = base; at < end; at = section_end(at, end)) {
        struct section *section = section_at(at);
        if (!section || !section_claim(section, pageblock_mask(at, section_end(at, end)))) {
            frames_give_back_pageblocks(base, at);
            return false;
        }
    }
    return true;
}

static void remove_pageblocks(paddr_t base, paddr_t end)
{
    for (paddr_t at = base; at < end; at = section_end(at, end)) {
        struct section *section = section_at(at);
        section->present &= ~pageblock_mask(at, section_end(at, end));
        account_managed[section->boot] -= frame_count(at, section_end(at, end));
    }
}

int frames_remove(paddr_t base, u64 bytes)
{
    struct parts parts = split(base, bytes);
    if (!frames_claim_pageblocks(parts.whole, parts.tail))
        return E_BUSY;
    int status = remove_part(parts.base, parts.whole);
    if (status == OK) {
        status = remove_part(parts.tail, parts.end);
        if (status == OK) {
            remove_pageblocks(parts.whole, parts.tail);
            return OK;
        }
        add_part(parts.base, parts.whole);
    }
    frames_give_back_pageblocks(parts.whole, parts.tail);
    return status;
}

/* A partial pageblock with no frame left becomes absent. */
static void tidy_part(paddr_t base, paddr_t end)
{
    struct pageblock pb = pageblock_at(base);
    if (base == end || !pb.section || !(pb.section->partial & pageblock_bit(pb)) ||
        bitmap_count_range(pageblock_present_bits(pb), 0, PAGEBLOCK_FRAMES) != 0)
        return;
    (void)pageblock_lock(pageblock_entry(pb)); /* without a free frame it is on no list */
    pb.section->present &= ~pageblock_bit(pb);
    pb.section->partial &= ~pageblock_bit(pb);
    pb.section->split &= ~pageblock_bit(pb);
    pb.section->movable &= ~pageblock_bit(pb);
    pageblock_set_order(pb, 0);
    pb.section->isolated &= ~pageblock_bit(pb);
    pageblock_unlock(pageblock_entry(pb), 0);
}

void frames_tidy(paddr_t base, u64 bytes)
{
    struct parts parts = split(base, bytes);
    tidy_part(parts.base, parts.whole);
    tidy_part(parts.tail, parts.end);
    for (paddr_t at = base; at < parts.end; at = section_end(at, parts.end)) {
        struct section *section = section_at(at);
        if (section && section->present == 0)
            metadata_drop_section(section);
        else if (section && section->split == 0)
            metadata_drop_bitmaps(section);
    }
}

/* ---- counting ---- */

/* How many frames of the pageblock, which is not idle, are free from paddr on without a gap. */
static u64 free_run(struct pageblock pb, paddr_t paddr)
{
    u64 count = 0;
    u32 entry = pageblock_lock(pageblock_entry(pb));
    if (entry & PB_SPLIT)
        count = bitmap_find_clear(pageblock_free_bits(pb), PAGEBLOCK_FRAMES, frame_index(paddr)) -
                frame_index(paddr);
    pageblock_unlock(pageblock_entry(pb), entry);
    return count;
}

u64 frames_idle_run(paddr_t paddr, u64 bytes)
{
    paddr_t end = paddr + bytes;
    paddr_t at = paddr;
    while (at < end) {
        struct pageblock pb = pageblock_at(at);
        if (!pb.section)
            break;
        u64 used_pageblocks = ~section_idle(pb.section) >> pb.index;
        if (used_pageblocks & 1) {
            at += free_run(pb, at) << PAGE_SHIFT;
            if (at != pageblock_base(pb) + PAGEBLOCK_BYTES)
                break;
        } else {
            u64 pageblocks = used_pageblocks ? (u64)__builtin_ctzll(used_pageblocks)
                                             : SECTION_PAGEBLOCKS - pb.index;
            at = pageblock_base(pb) + (pageblocks << PAGEBLOCK_SHIFT);
        }
    }
    return min_u64(at, end) - paddr;
}

/* The first free frame from paddr on, or the pageblock's end. */
static paddr_t next_free(struct pageblock pb, paddr_t paddr)
{
    u64 frame = PAGEBLOCK_FRAMES;
    u32 entry = pageblock_lock(pageblock_entry(pb));
    if (entry & PB_SPLIT)
        frame = bitmap_find_set(pageblock_free_bits(pb), PAGEBLOCK_FRAMES, frame_index(paddr));
    pageblock_unlock(pageblock_entry(pb), entry);
    return pageblock_base(pb) + (frame << PAGE_SHIFT);
}

paddr_t frames_next_idle(paddr_t paddr, paddr_t end)
{
    paddr_t at = paddr;
    while (at < end) {
        struct pageblock pb = pageblock_at(at);
        u64 pageblocks =
            pb.section ? (section_idle(pb.section) | pb.section->split) >> pb.index : 0;
        if (pageblocks == 0) {
            at = section_end(at, end);
        } else if (!(pageblocks & 1)) {
            at = pageblock_base(pb) + ((paddr_t)__builtin_ctzll(pageblocks) << PAGEBLOCK_SHIFT);
        } else if (section_idle(pb.section) & pageblock_bit(pb)) {
            return at;
        } else {
            at = next_free(pb, at);
            if (at != pageblock_base(pb) + PAGEBLOCK_BYTES)
                return min_u64(at, end);
        }
    }
    return end;
}

static u64 pageblock_used(struct pageblock pb, u64 first, u64 count)
{
    u64 used = 0;
    u32 entry = pageblock_lock(pageblock_entry(pb));
    if (entry & (PB_HUGE | PB_METADATA))
        used = count;
    if (entry & PB_SPLIT) {
        u64 there = entry & PB_PARTIAL
                        ? bitmap_count_range(pageblock_present_bits(pb), first, count)
                        : count;
        used = there - bitmap_count_range(pageblock_free_bits(pb), first, count);
    }
    pageblock_unlock(pageblock_entry(pb), entry);
    return used;
}

u64 frames_used(paddr_t base, u64 bytes)
{
    paddr_t end = base + bytes;
    paddr_t at = base;
    u64 used = 0;
    while (at < end) {
        struct pageblock pb = pageblock_at(at);
        if (!pb.section) {
            at = section_end(at, end);
            continue;
        }
        paddr_t next = min_u64(pageblock_base(pb) + PAGEBLOCK_BYTES, end);
        if (pb.section->present & ~section_idle(pb.section) & pageblock_bit(pb))
            used += pageblock_used(pb, frame_index(at), frame_count(at, next));
        at = next;
    }
    return used;
}

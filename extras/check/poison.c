/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See poison.h. The bits of neighbouring frames share words and belong to
 * different owners, so they change by atomic operations.
 */
#include "extras/check/poison.h"

#ifdef TIDE_DEBUG

#include "include/platform.h"
#include "lib/panic.h"
#include "mm/frames.h"
#include "mm/free_index.h"
#include "mm/metadata.h"

#define WORDS (PAGE_BYTES / sizeof(u64))

/* The bit of a frame, in the word that is returned. */
static u64 *poison_word(const struct section *section, paddr_t frame)
{
    return &section->poisoned[(frame >> (PAGE_SHIFT + 6)) % (SECTION_FRAMES / 64)];
}

static void fill(paddr_t frame)
{
    u64 *words = phys_to_virt(frame);
    for (unsigned i = 0; i < WORDS; i++)
        words[i] = POISON_WORD;
}

void poison_freed_locked(paddr_t paddr, u64 nr_frames)
{
    struct section *section = section_at(paddr);
    if (!section || frames_used(paddr, nr_frames * PAGE_BYTES) != nr_frames ||
        !metadata_need_poison_bitmap(section))
        return;
    for (u64 i = 0; i < nr_frames; i++) {
        paddr_t frame = paddr + i * PAGE_BYTES;
        fill(frame);
        __atomic_fetch_or(poison_word(section, frame), (u64)1 << frame_bit(frame),
                          __ATOMIC_RELEASE);
    }
}

void poison_freed(paddr_t paddr, unsigned order)
{
    if (order > PAGE_ORDER_MAX || !is_aligned(paddr, PAGE_BYTES << order))
        return;
    spin_lock(&page_lock);
    poison_freed_locked(paddr, (u64)1 << order);
    spin_unlock(&page_lock);
}

static void look_at(paddr_t frame)
{
    const u64 *words = phys_to_virt(frame);
    for (unsigned i = 0; i < WORDS; i++) {
        if (words[i] != POISON_WORD)
            panic("page_alloc: 0x%llx was written to after it was freed: 0x%llx at offset 0x%x, "
                  "expected 0x%llx",
                  (unsigned long long)frame, (unsigned long long)words[i],
                  i * (unsigned)sizeof(u64), (unsigned long long)POISON_WORD);
    }
}

paddr_t poison_taken(paddr_t paddr, u64 nr_frames)
{
    for (u64 i = 0; paddr != PADDR_NONE && i < nr_frames; i++) {
        paddr_t frame = paddr + i * PAGE_BYTES;
        struct section *section = section_lookup(frame);
        u64 bit = (u64)1 << frame_bit(frame);
        if (__atomic_load_n(&section->poisoned, __ATOMIC_ACQUIRE) &&
            __atomic_fetch_and(poison_word(section, frame), ~bit, __ATOMIC_ACQUIRE) & bit)
            look_at(frame);
    }
    return paddr;
}

void poison_forget(paddr_t base, u64 bytes)
{
    paddr_t end = base + bytes;
    for (paddr_t at = base; at < end; at = align_down(at, SECTION_BYTES) + SECTION_BYTES) {
        struct section *section = section_at(at);
        paddr_t stop = min_u64(align_down(at, SECTION_BYTES) + SECTION_BYTES, end);
        for (paddr_t frame = at; section && section->poisoned && frame < stop; frame += PAGE_BYTES)
            __atomic_fetch_and(poison_word(section, frame), ~((u64)1 << frame_bit(frame)),
                               __ATOMIC_RELAXED);
    }
}

#endif

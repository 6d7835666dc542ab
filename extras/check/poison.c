/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See poison.h. The bits of neighbouring frames share words and belong to
 * different owners, so they change by atomic operations.
 */
#include "extras/check/poison.h"

#ifdef TIDE_DEBUG

#include "include/extra.h"
#include "include/platform.h"
#include "lib/panic.h"
#include "mm/frames.h"
#include "mm/free_index.h"
#include "mm/metadata.h"
#include "mm/page_debug.h"

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

/* Frames that are not in use stay as they are: page_free() complains of them. */
static void poison(paddr_t paddr, u64 nr_frames)
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

static void look_at_taken(paddr_t paddr, u64 nr_frames)
{
    for (u64 i = 0; i < nr_frames; i++) {
        paddr_t frame = paddr + i * PAGE_BYTES;
        struct section *section = section_lookup(frame);
        u64 bit = (u64)1 << frame_bit(frame);
        if (__atomic_load_n(&section->poisoned, __ATOMIC_ACQUIRE) &&
            __atomic_fetch_and(poison_word(section, frame), ~bit, __ATOMIC_ACQUIRE) & bit)
            look_at(frame);
    }
}

static void forget(paddr_t base, u64 bytes)
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

static const struct page_debug poison_debug = {poison, look_at_taken, forget};

static void start(void)
{
    page_debug = &poison_debug;
}

EXTRA(poison) = {.name = "check", .mm_init = start};

#endif

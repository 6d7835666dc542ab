/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Idle pageblocks for free page reporting and hinting. A section's `reported` mask says which of
 * them the host knows: mm takes a pageblock out of it when it becomes idle after use, so nothing is
 * reported twice and nothing that was used is forgotten. A migration is told of all of them. While
 * they are on their way they are taken, as huge pages.
 */
#include "extras/balloon/balloon_memory.h"
#include "include/extra.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/options.h"
#include "lib/parse.h"
#include "mm/free_index.h"
#include "mm/page.h"
#include "mm/reservation.h"

#define ORDER_MAX 15 /* a section */

static unsigned order = PAGE_ORDER_MAX; /* of the runs that are reported, aligned to their size */
static u64 out_bytes;                   /* on their way; other processors read it */

u64 balloon_idle_out(void)
{
    return __atomic_load_n(&out_bytes, __ATOMIC_RELAXED);
}

/* The pageblocks from the first on that begin an aligned run of nr that are in the mask. */
static u64 runs_of(u64 mask, unsigned first, unsigned nr)
{
    u64 firsts = 0;
    for (unsigned step = 1; step < nr; step *= 2)
        mask &= mask >> step;
    for (unsigned i = 0; i < SECTION_PAGEBLOCKS; i += nr)
        firsts |= (u64)1 << i;
    return mask & firsts & ~(u64)0 << first;
}

/* Take the first run of nr_a_run pageblocks that are in the mask, and those that follow it, up to
 * max_bytes; page_lock held. */
static bool take_from(struct section *section, u64 firsts, unsigned nr_a_run, u64 max_bytes,
                      struct vmem_range *idle)
{
    if (firsts == 0 || nr_a_run * PAGEBLOCK_BYTES > max_bytes)
        return false;
    unsigned first = (unsigned)__builtin_ctzll(firsts);
    u64 nr = nr_a_run;
    while (first + nr < SECTION_PAGEBLOCKS && firsts >> (first + nr) & 1 &&
           (nr + nr_a_run) * PAGEBLOCK_BYTES <= max_bytes)
        nr += nr_a_run;
    paddr_t base = section->base + first * PAGEBLOCK_BYTES;
    paddr_t end = base + nr * PAGEBLOCK_BYTES;
    if (!section_claim(section, pageblock_mask(base, end)))
        return false; /* another processor was faster */
    for (paddr_t at = base; at < end; at += PAGEBLOCK_BYTES) {
        u32 *entry = pageblock_entry(pageblock_at(at));
        pageblock_lock(entry);
        pageblock_unlock(entry, entry_of_huge(PAGE_KERNEL, section->boot));
    }
    account_used[section->boot] += nr * PAGEBLOCK_FRAMES;
    __atomic_fetch_add(&out_bytes, end - base, __ATOMIC_RELAXED);
    *idle = (struct vmem_range){base, end - base};
    return true;
}

bool balloon_take_idle(void *context, u64 from, u64 max_bytes, bool is_hint,
                       struct vmem_range *idle)
{
    unsigned nr_a_run = is_hint ? 1 : 1u << (order - PAGE_ORDER_MAX);
    bool is_taken = false;
    struct section *section;
    (void)context;
    spin_lock(&page_lock);
    while (!is_taken && (section = free_index_next_section(from)) != NULL) {
        u64 known = is_hint ? 0 : __atomic_load_n(&section->reported, __ATOMIC_RELAXED);
        unsigned first = from > section->base ? pageblock_index(from) : 0;
        u64 firsts = runs_of(section_idle(section) & ~known, first, nr_a_run);
        is_taken = take_from(section, firsts, nr_a_run, max_bytes, idle);
        from = section->base + SECTION_BYTES;
    }
    spin_unlock(&page_lock);
    return is_taken;
}

void balloon_give_idle(void *context, u64 base, u64 bytes, bool was_told)
{
    (void)context;
    spin_lock(&page_lock);
    struct section *section = section_at(base);
    u64 mask = pageblock_mask(base, base + bytes);
    for (paddr_t at = base; at < base + bytes; at += PAGEBLOCK_BYTES) {
        u32 *entry = pageblock_entry(pageblock_at(at));
        pageblock_lock(entry);
        pageblock_unlock(entry, 0);
    }
    account_used[section->boot] -= bytes / PAGE_BYTES;
    if (was_told)
        __atomic_fetch_or(&section->reported, mask, __ATOMIC_RELAXED);
    section_add_idle(section, mask);
    __atomic_fetch_sub(&out_bytes, bytes, __ATOMIC_RELAXED);
    spin_unlock(&page_lock);
}

/* ---- the option ---- */

static void forget(void)
{
    order = PAGE_ORDER_MAX;
}

static int parse(const char *value, struct options *options)
{
    u64 number;
    (void)options;
    if (parse_u64(value, &number) != OK || number < PAGE_ORDER_MAX || number > ORDER_MAX)
        return E_INVAL;
    order = (unsigned)number;
    return OK;
}

static const struct option_rule option = {
    .key = "balloon.report_order",
    .parse = parse,
    .expected = "an order of pages from 9 (2 MiB) to 15 (128 MiB)",
};

EXTRA(balloon_idle) = {.name = "balloon", .option = &option, .forget_options = forget};

/* SPDX-License-Identifier: BSD-2-Clause */
/* See rivals.h. */
#include "tests/bench/rivals.h"

#include <string.h>

#include "lib/bitmap.h"

#define NR_ORDERS (BUDDY_ORDER_MAX + 1)

/* ---- first fit ---- */

static u64 free_bits[RIVAL_FRAMES / 64];
static u64 lowest[NR_ORDERS]; /* by order: no run begins below */

void first_fit_init(void)
{
    memset(free_bits, 0xff, sizeof(free_bits));
    memset(lowest, 0, sizeof(lowest));
}

u64 first_fit_alloc(unsigned order)
{
    u64 count = (u64)1 << order;
    u64 at = lowest[order];
    while ((at = bitmap_find_set(free_bits, RIVAL_FRAMES, at)) < RIVAL_FRAMES) {
        u64 run = (at + count - 1) & ~(count - 1);
        u64 end = run < RIVAL_FRAMES ? bitmap_find_clear(free_bits, run + count, run) : run;
        if (end >= run + count) {
            bitmap_clear_range(free_bits, run, count);
            lowest[order] = run + count;
            return run;
        }
        at = end > at ? end : at + 1;
    }
    lowest[order] = RIVAL_FRAMES;
    return RIVAL_NONE;
}

void first_fit_free(u64 frame, unsigned order)
{
    bitmap_set_range(free_bits, frame, (u64)1 << order);
    for (unsigned i = 0; i < NR_ORDERS; i++) {
        u64 start = frame & ~(((u64)1 << i) - 1);
        if (start < lowest[i])
            lowest[i] = start;
    }
}

/* ---- buddy ---- */

#define LIST_END ((u32)RIVAL_FRAMES)
#define NOT_HEAD 0xff

/* For the first frame of a free run. */
static u32 next[RIVAL_FRAMES];
static u32 before[RIVAL_FRAMES];
static u8 order_of[RIVAL_FRAMES]; /* NOT_HEAD: not one */
static u32 first[NR_ORDERS];

static void push(u64 frame, unsigned order)
{
    next[frame] = first[order];
    before[frame] = LIST_END;
    if (first[order] != LIST_END)
        before[first[order]] = (u32)frame;
    first[order] = (u32)frame;
    order_of[frame] = (u8)order;
}

static void take_out(u64 frame)
{
    if (next[frame] != LIST_END)
        before[next[frame]] = before[frame];
    if (before[frame] != LIST_END)
        next[before[frame]] = next[frame];
    else
        first[order_of[frame]] = next[frame];
    order_of[frame] = NOT_HEAD;
}

void buddy_init(void)
{
    memset(order_of, NOT_HEAD, sizeof(order_of));
    for (unsigned i = 0; i < NR_ORDERS; i++)
        first[i] = LIST_END;
    for (u64 frame = RIVAL_FRAMES; frame > 0;) {
        frame -= (u64)1 << (NR_ORDERS - 1);
        push(frame, NR_ORDERS - 1);
    }
}

u64 buddy_alloc(unsigned order)
{
    unsigned from = order;
    while (from < NR_ORDERS && first[from] == LIST_END)
        from++;
    if (from == NR_ORDERS)
        return RIVAL_NONE;
    u64 frame = first[from];
    take_out(frame);
    while (from > order) {
        from--;
        push(frame + ((u64)1 << from), from);
    }
    return frame;
}

void buddy_free(u64 frame, unsigned order)
{
    for (; order < NR_ORDERS - 1; order++) {
        u64 buddy = frame ^ (u64)1 << order;
        if (order_of[buddy] != order)
            break;
        take_out(buddy);
        frame &= ~((u64)1 << order);
    }
    push(frame, order);
}

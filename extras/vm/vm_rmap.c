/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See vm_rmap.h. An entry that leads to a frame also counts, in the bits that
 * its alignment leaves, what is in use there. Level 2 is the root's children,
 * level 0 the values.
 */
#include "extras/vm/vm_rmap.h"

#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mm/page.h"

#define VALUES_SHIFT  10 /* 1024 values in a frame */
#define ENTRIES_SHIFT 9  /* 512 entries */
#define LEVELS        3
#define COUNT_MASK    (PAGE_BYTES - 1)

static unsigned shift_of(unsigned level)
{
    return level == 0 ? 0 : VALUES_SHIFT + (level - 1) * ENTRIES_SHIFT;
}

static void *frame_at(u64 entry)
{
    return phys_to_virt(entry & ~COUNT_MASK);
}

static u64 *entry_of(u64 parent, unsigned level, u64 number)
{
    u64 *entries = frame_at(parent);
    return &entries[(number >> shift_of(level)) % (1u << ENTRIES_SHIFT)];
}

static u32 *value_of(u64 parent, u64 number)
{
    u32 *values = frame_at(parent);
    return &values[number % (1u << VALUES_SHIFT)];
}

static void count_frame(struct vm_rmap *rmap, i64 change)
{
    rmap->nr_frames += (u64)change;
    page_account_metadata(change);
}

/* The entries on the way to a value, from the root's on; how many there are. */
static unsigned find_path(struct vm_rmap *rmap, u64 number, u64 *path[LEVELS])
{
    ASSERT(number < VM_RMAP_NUMBERS);
    unsigned length = 0;
    path[0] = &rmap->root[number >> shift_of(LEVELS)];
    while (*path[length] != 0) {
        if (++length == LEVELS)
            break;
        path[length] = entry_of(*path[length - 1], LEVELS - length, number);
    }
    return length;
}

/* Free the frames at the end of the path that are empty. */
static void drop_empty(struct vm_rmap *rmap, u64 *path[LEVELS], unsigned length)
{
    while (length > 0 && (*path[length - 1] & COUNT_MASK) == 0) {
        length--;
        page_free(*path[length], 0);
        *path[length] = 0;
        count_frame(rmap, -1);
        if (length > 0)
            --*path[length - 1];
    }
}

int vm_rmap_set(struct vm_rmap *rmap, u64 number, u32 value)
{
    u64 *path[LEVELS];
    unsigned length = find_path(rmap, number, path);
    ASSERT(value != 0);
    while (length < LEVELS) {
        paddr_t frame = page_alloc(0, PAGE_BOOT_FIRST);
        if (frame == PADDR_NONE) {
            drop_empty(rmap, path, length);
            return E_NOMEM;
        }
        memset(phys_to_virt(frame), 0, PAGE_BYTES);
        count_frame(rmap, 1);
        *path[length] = frame;
        if (length > 0)
            ++*path[length - 1];
        if (++length < LEVELS)
            path[length] = entry_of(frame, LEVELS - length, number);
    }
    u32 *place = value_of(*path[LEVELS - 1], number);
    ASSERT(*place == 0);
    *place = value;
    ++*path[LEVELS - 1];
    rmap->nr_values++;
    return OK;
}

/* The entry that leads to the frame of a number's value; NULL if there is no such frame. */
static u64 *find_values(const struct vm_rmap *rmap, u64 number)
{
    u64 *entry = (u64 *)&rmap->root[number >> shift_of(LEVELS)];
    for (unsigned level = LEVELS - 1; level > 0 && *entry != 0; level--)
        entry = entry_of(*entry, level, number);
    return *entry != 0 ? entry : NULL;
}

const u32 *vm_rmap_values(const struct vm_rmap *rmap, u64 number)
{
    const u64 *values = find_values(rmap, number);
    return values ? value_of(*values, number) : NULL;
}

u32 vm_rmap_get(const struct vm_rmap *rmap, u64 number)
{
    const u32 *value = vm_rmap_values(rmap, number);
    return value ? *value : 0;
}

u32 vm_rmap_move(struct vm_rmap *rmap, u64 from, u64 to)
{
    u64 *from_values = find_values(rmap, from);
    u64 *to_values = find_values(rmap, to);
    u32 *place = from_values ? value_of(*from_values, from) : NULL;
    u32 value = place ? *place : 0;
    if (value == 0)
        return 0;
    if (!to_values || (*from_values & COUNT_MASK) == 1) { /* frames come or go */
        if (vm_rmap_set(rmap, to, value) != OK)
            return 0;
        vm_rmap_clear(rmap, from);
        return value;
    }
    ASSERT(*value_of(*to_values, to) == 0);
    *value_of(*to_values, to) = value;
    ++*to_values;
    *place = 0;
    --*from_values;
    return value;
}

void vm_rmap_clear(struct vm_rmap *rmap, u64 number)
{
    u64 *path[LEVELS];
    unsigned length = find_path(rmap, number, path);
    ASSERT(length == LEVELS);
    u32 *place = value_of(*path[LEVELS - 1], number);
    ASSERT(*place != 0);
    *place = 0;
    --*path[LEVELS - 1];
    rmap->nr_values--;
    drop_empty(rmap, path, LEVELS);
}

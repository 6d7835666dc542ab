/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_model.h. */
#include "tests/fakes/fake_model.h"

#include "tests/unit/unit.h"

u8 region[FRAMES_MAX];
u64 region_bytes;
u64 nr_online;
u64 nr_used;
static u8 boot_used[BOOT_BYTES / PAGE_BYTES];
static u64 random_state;

void model_init(u64 bytes, u64 seed)
{
    memset(region, ABSENT, sizeof(region));
    memset(boot_used, 0, sizeof(boot_used));
    region_bytes = bytes;
    nr_online = nr_used = 0;
    random_state = seed;
}

u64 random_below(u64 limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % limit;
}

bool in_region(paddr_t paddr)
{
    return paddr >= REGION_BASE && paddr < REGION_BASE + region_bytes;
}

void model_take(paddr_t base, u64 nr_frames)
{
    for (u64 i = 0; i < nr_frames; i++) {
        paddr_t frame = base + i * PAGE_BYTES;
        if (in_region(frame)) {
            u8 *state = &region[(frame - REGION_BASE) / PAGE_BYTES];
            assert_int_equal(*state, FREE);
            *state = USED;
            nr_used++;
        } else {
            assert_true(frame >= FAKE_RAM_BASE + MIB && frame < FAKE_RAM_BASE + BOOT_BYTES);
            assert_int_equal(boot_used[(frame - FAKE_RAM_BASE) / PAGE_BYTES]++, 0);
        }
    }
}

void model_give(paddr_t base, u64 nr_frames)
{
    for (u64 i = 0; i < nr_frames; i++) {
        paddr_t frame = base + i * PAGE_BYTES;
        if (in_region(frame)) {
            region[(frame - REGION_BASE) / PAGE_BYTES] = FREE;
            nr_used--;
        } else {
            boot_used[(frame - FAKE_RAM_BASE) / PAGE_BYTES] = 0;
        }
    }
}

bool model_all(u64 first, u64 count, u8 state)
{
    for (u64 i = first; i < first + count; i++) {
        if (region[i] != state)
            return false;
    }
    return true;
}

bool model_has_run(unsigned order)
{
    u64 count = (u64)1 << order;
    for (u64 first = 0; first < region_bytes / PAGE_BYTES; first += count) {
        if (model_all(first, count, FREE))
            return true;
    }
    return false;
}

u64 model_used(u64 first, u64 count)
{
    u64 used = 0;
    for (u64 i = first; i < first + count; i++)
        used += region[i] == USED;
    return used;
}

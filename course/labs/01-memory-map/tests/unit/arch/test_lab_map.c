/* SPDX-License-Identifier: BSD-2-Clause */
/* Random memory maps, resolved, against a model that knows the type of each of 200 bytes. */
#include <stdio.h>

#include "boot/boot.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/unit/unit.h"

#define BYTES      200
#define NR_ENTRIES 12
#define ROUNDS     2000

static struct memory_map map;
static struct boot_info info;
static u32 model[BYTES];
static char entries[1024]; /* as text, for the message */

static unsigned claim_of(u32 type)
{
    static const unsigned claims[] = {0, 1, 4, 2, 3, 5};
    return type < ARRAY_SIZE(claims) ? claims[type] : 4;
}

static void add_random(void)
{
    u64 base = (u64)rand() % BYTES, bytes = (u64)rand() % (BYTES - base + 1);
    u32 type = (u32)rand() % 7;
    size_t used = strlen(entries);
    snprintf(entries + used, sizeof(entries) - used, " %lu+%lu/%u", base, bytes, type);
    assert_int_equal(memory_map_add(&map, base, bytes, type), OK);
    if (type == 0)
        type = BOOT_MEMORY_RESERVED;
    for (u64 at = base; at < base + bytes; at++)
        if (claim_of(type) > claim_of(model[at]))
            model[at] = type;
}

/* Two types of one claim, reserved and one that nobody knows: either may win. */
static bool is_same(u32 type, u32 expected)
{
    return type == expected || (type != 0 && claim_of(type) == 4 && claim_of(expected) == 4);
}

static void compare(const char *seed, unsigned round)
{
    u64 end = 0;
    u32 before = 0;
    for (u32 i = 0; i < info.nr_ranges; i++) {
        const struct boot_memory_range *range = &info.ranges[i];
        if (range->bytes == 0 || range->base < end || range->base + range->bytes > BYTES)
            fail_msg("seed %s, round %u: range %u is %lu+%lu, expected none before %lu; of%s", seed,
                     round, i, range->base, range->bytes, end, entries);
        for (; end < range->base; end++, before = 0)
            if (model[end] != 0)
                fail_msg("seed %s, round %u: byte %lu is in no range; of%s", seed, round, end,
                         entries);
        if (range->type == before)
            fail_msg("seed %s, round %u: ranges of type %u at %lu are not joined; of%s", seed,
                     round, before, range->base, entries);
        for (; end < range->base + range->bytes; end++)
            if (!is_same(range->type, model[end]))
                fail_msg("seed %s, round %u: byte %lu has type %u, expected %u; of%s", seed, round,
                         end, range->type, model[end], entries);
        before = range->type;
    }
    for (; end < BYTES; end++)
        assert_int_equal(model[end], 0);
}

TEST(any_map_is_sorted_and_without_overlap)
{
    const char *seed = getenv("TIDE_WALK_SEED");
    if (!seed)
        seed = "1";
    srand((unsigned)atoi(seed));
    for (unsigned round = 0; round < ROUNDS; round++) {
        memset(&map, 0, sizeof(map));
        memset(&info, 0xee, sizeof(info));
        memset(model, 0, sizeof(model));
        entries[0] = '\0';
        for (int left = rand() % NR_ENTRIES; left >= 0; left--)
            add_random();
        memory_map_resolve(&map, &info);
        assert_int_equal(info.nr_ranges_dropped, 0);
        compare(seed, round);
    }
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block map and the plan over it: tables of small regions drawn as
 * text, and a random comparison with a model that walks block by block.
 *
 * In the drawings: '.' unplugged, 'o' online and idle, 'X' online with pages
 * in use, '?' in doubt.
 */
#include "drivers/virtio/mem/block_map.h"
#include "drivers/virtio/mem/plan.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/fakes/fake_host.h"
#include "tests/unit/unit.h"

#define BLOCKS_MAX 300000
#define BLOCK      (2 * MIB)

static struct vmem_block_map blocks;
static char picture[BLOCKS_MAX + 1];

static void set_up(void)
{
    fake_host_start();
}

static void tear_down(void)
{
    fake_host_stop();
}

static void draw_run(char what, u64 first, u64 nr_blocks)
{
    static const enum vmem_block_state states[] = {
        ['.'] = VMEM_BLOCK_UNPLUGGED,
        ['o'] = VMEM_BLOCK_ONLINE,
        ['X'] = VMEM_BLOCK_ONLINE,
        ['?'] = VMEM_BLOCK_IN_DOUBT,
    };
    memset(picture + first, what, nr_blocks);
    vmem_map_set(&blocks, (struct vmem_run){first, nr_blocks}, states[(unsigned char)what]);
}

static void draw(const char *text)
{
    assert_int_equal(vmem_map_init(&blocks, strlen(text)), OK);
    picture[strlen(text)] = '\0';
    for (u64 i = 0; text[i]; i++)
        draw_run(text[i], i, 1);
}

static bool picture_idle(void *context, u64 from, u64 to, struct vmem_run *idle)
{
    (void)context;
    while (from < to && picture[from] != 'o')
        from++;
    idle->first = from;
    while (from < to && picture[from] == 'o')
        from++;
    idle->nr_blocks = from - idle->first;
    return idle->nr_blocks != 0;
}

static struct vmem_plan plan_for(u64 requested, u64 usable)
{
    const struct vmem_config config = {
        .block_bytes = BLOCK,
        .region_bytes = blocks.nr_blocks * BLOCK,
        .usable_bytes = usable * BLOCK,
        .requested_bytes = requested * BLOCK,
    };
    const struct vmem_idle_source idle = {picture_idle, NULL};
    struct vmem_plan plan;
    vmem_plan_next(&config, &blocks, &idle, &plan);
    return plan;
}

TEST(test_plans)
{
    static const struct {
        const char *region;
        u64 requested, usable;
        enum vmem_action action;
        u64 first, nr_blocks;
        enum vmem_shortfall shortfall;
        u64 short_blocks;
    } cases[] = {
#define NOTHING(shortfall, blocks) VMEM_ACTION_NOTHING, 0, 0, (shortfall), (blocks)
#define PLUG(first, nr)            VMEM_ACTION_PLUG, (first), (nr), VMEM_SHORT_OF_NOTHING, 0
#define UNPLUG(first, nr)          VMEM_ACTION_UNPLUG, (first), (nr), VMEM_SHORT_OF_NOTHING, 0
#define UNPLUG_ALL                 VMEM_ACTION_UNPLUG_ALL, 0, 0, VMEM_SHORT_OF_NOTHING, 0
        /* settled */
        {"........", 0, 0, NOTHING(VMEM_SHORT_OF_NOTHING, 0)},
        {"oXoX....", 4, 8, NOTHING(VMEM_SHORT_OF_NOTHING, 0)},
        /* growing: one run from the bottom */
        {"........", 5, 8, PLUG(0, 5)},
        {"oo......", 5, 8, PLUG(2, 3)},
        /* the lowest run that is long enough, not the longest */
        {"o.o...o.......", 6, 14, PLUG(3, 3)},
        /* else the largest first */
        {"o.o...o..", 8, 9, PLUG(3, 3)},
        /* never outside the usable region (WIN sent those, and got ERROR) */
        {"........", 6, 4, PLUG(0, 4)},
        {"oooo....", 6, 4, NOTHING(VMEM_SHORT_OF_USABLE, 2)},
        {"........", 6, 0, NOTHING(VMEM_SHORT_OF_USABLE, 6)},
        /* a block in doubt may be plugged: count it */
        {"??......", 2, 8, NOTHING(VMEM_SHORT_OF_NOTHING, 0)},
        {"??......", 3, 8, PLUG(2, 1)},
        /* shrinking: from the top */
        {"oooooooo", 5, 8, UNPLUG(5, 3)},
        {"oooooXoo", 6, 8, UNPLUG(6, 2)},
        /* a run that covers the need beats a higher one that does not */
        {"ooooXXoo", 5, 8, UNPLUG(1, 3)},
        /* else the largest, and what is left later */
        {"ooXoXooo", 1, 8, UNPLUG(5, 3)},
        {"ooXo....", 1, 8, UNPLUG(0, 2)},
        /* pages in use stay */
        {"XXXX....", 1, 8, NOTHING(VMEM_SHORT_OF_IDLE, 3)},
        {"oXXX....", 1, 8, UNPLUG(0, 1)},
        /* a block in doubt may be unplugged: do not count it */
        {"oo??....", 2, 8, NOTHING(VMEM_SHORT_OF_NOTHING, 0)},
        {"ooo??...", 2, 8, UNPLUG(2, 1)},
        /* to zero: one request, and UNPLUG ALL only where it saves some */
        {"oooo....", 0, 8, UNPLUG(0, 4)},
        {"oo.o....", 0, 8, UNPLUG_ALL},
        {"oo.oX...", 0, 8, UNPLUG(0, 2)},
        {"oo.o?...", 0, 8, UNPLUG(0, 2)},
        {"oo.o....", 1, 8, UNPLUG(0, 2)},
        /* what lies above a usable region that shrank leaves by UNPLUG ALL or not at all */
        {"oooo....", 0, 2, UNPLUG_ALL},
        {"oooo....", 3, 2, UNPLUG(1, 1)},
        {"XXoo....", 2, 2, NOTHING(VMEM_SHORT_OF_IDLE, 2)},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        draw(cases[i].region);
        struct vmem_plan plan = plan_for(cases[i].requested, cases[i].usable);
        if (plan.action != cases[i].action || plan.run.first != cases[i].first ||
            plan.run.nr_blocks != cases[i].nr_blocks || plan.shortfall != cases[i].shortfall ||
            plan.short_blocks != cases[i].short_blocks)
            fail_msg("case %u, %s to %lu: action %d, %lu blocks from %lu, shortfall %d of %lu", i,
                     cases[i].region, cases[i].requested, plan.action, plan.run.nr_blocks,
                     plan.run.first, plan.shortfall, plan.short_blocks);
        vmem_map_free(&blocks);
    }
}

/* nb_blocks has 16 bits: 65,535 is the most that one request can name. */
TEST(test_long_runs_are_cut)
{
    assert_int_equal(vmem_map_init(&blocks, 200000), OK);
    draw_run('.', 0, 200000);
    struct vmem_plan plan = plan_for(150000, 200000);
    assert_int_equal(plan.action, VMEM_ACTION_PLUG);
    assert_int_equal(plan.run.nr_blocks, 65535);
    draw_run('o', 0, 150000);
    plan = plan_for(1, 200000);
    assert_int_equal(plan.action, VMEM_ACTION_UNPLUG);
    assert_int_equal(plan.run.first, 150000 - 65535);
    assert_int_equal(plan.run.nr_blocks, 65535);
    plan = plan_for(0, 200000);
    assert_int_equal(plan.action, VMEM_ACTION_UNPLUG_ALL);
    draw_run('.', 65535, 150000 - 65535);
    plan = plan_for(0, 200000);
    assert_int_equal(plan.action, VMEM_ACTION_UNPLUG);
    vmem_map_free(&blocks);
}

TEST(test_no_blocks)
{
    assert_int_equal(vmem_map_init(&blocks, 0), OK);
    assert_int_equal(plan_for(0, 0).action, VMEM_ACTION_NOTHING);
    vmem_map_free(&blocks);
    assert_int_equal(vmem_map_init(&blocks, (u64)1 << 40), E_NOMEM);
}

#define WALK_BLOCKS 517

static char letter_of(enum vmem_block_state state)
{
    return (char)(state == VMEM_BLOCK_UNPLUGGED ? '.' : state == VMEM_BLOCK_ONLINE ? 'o' : '?');
}

static void compare_with_picture(void)
{
    u64 counts[3] = {0, 0, 0};
    for (u64 i = 0; i < WALK_BLOCKS; i++)
        assert_int_equal(letter_of(vmem_map_get(&blocks, i)), picture[i]);
    for (int kind = VMEM_BLOCK_UNPLUGGED; kind <= VMEM_BLOCK_IN_DOUBT; kind++) {
        u64 to = (u64)rand() % (WALK_BLOCKS + 1);
        u64 from = (u64)rand() % (to + 1);
        struct vmem_run run = {0, 0};
        for (u64 i = from; i < to; i++)
            counts[kind] += picture[i] == letter_of((enum vmem_block_state)kind);
        u64 found = 0;
        while (vmem_map_next(&blocks, (enum vmem_block_state)kind, from, to, &run)) {
            assert_true(run.first >= from && run.first + run.nr_blocks <= to && run.nr_blocks > 0);
            for (u64 i = run.first; i < run.first + run.nr_blocks; i++)
                assert_int_equal(picture[i], letter_of((enum vmem_block_state)kind));
            if (run.first + run.nr_blocks < to) /* maximal */
                assert_int_not_equal(picture[run.first + run.nr_blocks], picture[run.first]);
            found += run.nr_blocks;
            from = run.first + run.nr_blocks;
        }
        assert_int_equal(found, counts[kind]);
    }
}

TEST(test_book_random)
{
    assert_int_equal(vmem_map_init(&blocks, WALK_BLOCKS), OK);
    draw_run('.', 0, WALK_BLOCKS);
    srand(24);
    for (unsigned step = 0; step < 3000; step++) {
        u64 first = (u64)rand() % WALK_BLOCKS;
        u64 most = WALK_BLOCKS - first;
        u64 nr_blocks = (u64)rand() % min_u64(most, 1 + (u64)rand() % most);
        draw_run(".o?"[rand() % 3], first, nr_blocks);
        compare_with_picture();
        u64 nr_online = 0;
        u64 nr_in_doubt = 0;
        for (u64 i = 0; i < WALK_BLOCKS; i++) {
            nr_online += picture[i] == 'o';
            nr_in_doubt += picture[i] == '?';
        }
        assert_int_equal(blocks.nr_online, nr_online);
        assert_int_equal(blocks.nr_in_doubt, nr_in_doubt);
    }
    vmem_map_free(&blocks);
}

/* In any region, plans carried out reach the target, in as few steps as runs. */
TEST(test_plans_converge)
{
    srand(25);
    for (unsigned round = 0; round < 500; round++) {
        assert_int_equal(vmem_map_init(&blocks, WALK_BLOCKS), OK);
        for (u64 i = 0; i < WALK_BLOCKS; i++)
            draw_run(".oX"[rand() % 3], i, 1);
        u64 requested = (u64)rand() % (WALK_BLOCKS + 1);
        for (unsigned steps = 0;; steps++) {
            assert_true(steps <= WALK_BLOCKS);
            struct vmem_plan plan = plan_for(requested, WALK_BLOCKS);
            if (plan.action == VMEM_ACTION_NOTHING)
                break;
            if (plan.action == VMEM_ACTION_UNPLUG_ALL)
                plan.run = (struct vmem_run){0, WALK_BLOCKS};
            for (u64 i = 0; i < plan.run.nr_blocks; i++)
                assert_int_not_equal(picture[plan.run.first + i], 'X');
            draw_run(plan.action == VMEM_ACTION_PLUG ? 'o' : '.', plan.run.first,
                     plan.run.nr_blocks);
        }
        u64 nr_used = 0;
        for (u64 i = 0; i < WALK_BLOCKS; i++)
            nr_used += picture[i] == 'X';
        assert_int_equal(blocks.nr_online, max_u64(requested, nr_used));
        vmem_map_free(&blocks);
    }
}

TEST_GROUP(set_up, tear_down)

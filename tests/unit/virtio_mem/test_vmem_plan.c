/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block map and the plan over it: tables of small regions drawn as
 * text (plan_picture.h), and a random comparison with a model that walks block by block.
 */
#include "drivers/virtio/mem/spec.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/fakes/fake_host.h"
#include "tests/unit/unit.h"
#include "tests/unit/virtio_mem/plan_picture.h"

static u64 budget; /* of each call: the plans must not depend on it */
static bool is_for_good;
static u64 nr_looked_at;

static void set_up(void)
{
    fake_host_start();
    planner = (struct vmem_planner){0};
    budget = 3;
    is_for_good = false;
}

static void tear_down(void)
{
    fake_host_stop();
}

static struct vmem_plan plan_for(u64 requested, u64 usable)
{
    const struct vmem_goal goal = {
        .nr_blocks = requested,
        .usable_blocks = min_u64(usable, blocks.nr_blocks),
        .run_limit = VIRTIO_MEM_NB_BLOCKS_MAX,
        .is_for_good = is_for_good,
    };
    const struct vmem_idle_source idle = {picture_idle, NULL};
    struct vmem_plan plan;
    do {
        planner.budget = budget;
        vmem_plan_next(&planner, &goal, &blocks, &idle, &plan);
        nr_looked_at += budget - planner.budget;
    } while (plan.action == VMEM_ACTION_SURVEY);
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
#define OFFLINE(first, nr)         VMEM_ACTION_OFFLINE, (first), (nr), VMEM_SHORT_OF_NOTHING, 0
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
        /* else the longest, from the bottom, and what is left later */
        {"ooXoXooo", 1, 8, UNPLUG(0, 2)},
        {"ooXoXooo", 3, 8, UNPLUG(0, 2)},
        {"oXooXooo", 3, 8, UNPLUG(2, 2)},
        {"ooXo....", 1, 8, UNPLUG(0, 2)},
        /* of runs that are alike the highest */
        {"ooXooXooXooX", 8, 12, UNPLUG(6, 2)},
        /* pages in use stay */
        {"XXXX....", 1, 8, NOTHING(VMEM_SHORT_OF_IDLE, 3)},
        {"oXXX....", 1, 8, UNPLUG(0, 1)},
        /* a block in doubt may be unplugged already: do not count it */
        {"oo??....", 2, 8, NOTHING(VMEM_SHORT_OF_NOTHING, 0)},
        {"ooo??...", 2, 8, UNPLUG(2, 1)},
        /* to zero: one request, and UNPLUG ALL only where it saves some */
        {"oooo....", 0, 8, UNPLUG(0, 4)},
        {"oo.o....", 0, 8, OFFLINE(0, 2)},
        {"oo.oX...", 0, 8, UNPLUG(0, 2)},
        {"oo.o?...", 0, 8, UNPLUG(0, 2)},
        {"oo.o....", 1, 8, UNPLUG(0, 2)},
        /* what lies above a usable region that shrank leaves by UNPLUG ALL or not at all */
        {"oooo....", 0, 2, OFFLINE(0, 4)},
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
    assert_int_equal(plan.action, VMEM_ACTION_OFFLINE);
    assert_int_equal(plan.run.nr_blocks, 65535);
    vmem_plan_forget(&planner);
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

TEST(test_map_random)
{
    assert_int_equal(vmem_map_init(&blocks, WALK_BLOCKS), OK);
    draw_run('.', 0, WALK_BLOCKS);
    srand(24);
    for (unsigned step = 0; step < 3000; step++) {
        u64 first = (u64)rand() % WALK_BLOCKS;
        u64 most = WALK_BLOCKS - first;
        u64 nr_blocks = (u64)rand() % min_u64(most, 1 + (u64)rand() % most);
        if (step % 64 == 0) { /* all blocks, whatever they are */
            first = 0;
            nr_blocks = WALK_BLOCKS;
        }
        for (u64 i = 1; i < nr_blocks && nr_blocks != WALK_BLOCKS; i++) {
            if (picture[first + i] != picture[first])
                nr_blocks = i;
        }
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

/* A run that is not alike would make the counts wrong. */
TEST(test_map_mixed_run)
{
    static const struct vmem_run mixed = {1, 3};
    static const struct vmem_run whole = {0, 8};
    draw("..oo??..");
    expect_assert_failure(vmem_map_set(&blocks, mixed, VMEM_BLOCK_UNPLUGGED));
    vmem_map_set(&blocks, whole, VMEM_BLOCK_IN_DOUBT);
    assert_int_equal(blocks.nr_online, 0);
    assert_int_equal(blocks.nr_in_doubt, 8);
    vmem_map_free(&blocks);
}

static void carry_out(struct vmem_plan plan)
{
    static const char after[] = {
        [VMEM_ACTION_PLUG] = 'o',
        [VMEM_ACTION_UNPLUG] = '.',
        [VMEM_ACTION_OFFLINE] = '?',
        [VMEM_ACTION_UNPLUG_ALL] = '.',
    };
    if (plan.action == VMEM_ACTION_UNPLUG_ALL)
        plan.run = (struct vmem_run){0, blocks.nr_blocks};
    for (u64 i = 0; i < plan.run.nr_blocks; i++)
        assert_int_not_equal(picture[plan.run.first + i], 'X');
    draw_run(after[plan.action], plan.run.first, plan.run.nr_blocks);
}

/* The fewest runs of the letter that together are so many blocks, or all of them. */
static u64 fewest_runs(char letter, u64 need)
{
    u64 nr_of_length[WALK_BLOCKS + 1] = {0};
    u64 nr_runs = 0;
    for (u64 i = 0; i < WALK_BLOCKS;) {
        u64 length = 0;
        while (i < WALK_BLOCKS && picture[i] == letter) {
            length++;
            i++;
        }
        nr_of_length[length]++;
        i += length == 0;
    }
    for (u64 length = WALK_BLOCKS; length > 0 && need > 0; length--) {
        for (; nr_of_length[length] > 0 && need > 0; nr_of_length[length]--) {
            need -= min_u64(need, length);
            nr_runs++;
        }
    }
    return nr_runs;
}

/* In any region, with any budget of a call, plans carried out reach the target in the fewest
 * requests. */
TEST(test_plans_converge)
{
    srand(25);
    for (unsigned round = 0; round < 500; round++) {
        assert_int_equal(vmem_map_init(&blocks, WALK_BLOCKS), OK);
        vmem_plan_forget(&planner);
        budget = 1 + (u64)rand() % 200;
        for (u64 i = 0; i < WALK_BLOCKS; i++)
            draw_run(".oX"[rand() % 3], i, 1);
        u64 requested = (u64)rand() % (WALK_BLOCKS + 1);
        u64 fewest = blocks.nr_online < requested ? fewest_runs('.', requested - blocks.nr_online)
                                                  : fewest_runs('o', blocks.nr_online - requested);
        u64 nr_requests = 0;
        for (;;) {
            struct vmem_plan plan = plan_for(requested, WALK_BLOCKS);
            if (plan.action == VMEM_ACTION_NOTHING)
                break;
            nr_requests += plan.action != VMEM_ACTION_OFFLINE;
            carry_out(plan);
        }
        u64 nr_used = 0;
        for (u64 i = 0; i < WALK_BLOCKS; i++)
            nr_used += picture[i] == 'X';
        assert_int_equal(blocks.nr_online, max_u64(requested, nr_used));
        assert_int_equal(nr_requests, fewest);
        vmem_map_free(&blocks);
    }
}

/* Long runs are counted to an eighth: no more requests than that asks for. */
TEST(test_long_runs)
{
    srand(26);
    for (unsigned round = 0; round < 20; round++) {
        u64 nr_online = 0;
        u64 nr_runs = 0;
        assert_int_equal(vmem_map_init(&blocks, PICTURE_BLOCKS_MAX), OK);
        vmem_plan_forget(&planner);
        draw_run('.', 0, PICTURE_BLOCKS_MAX);
        for (u64 at = 0; at + 2000 < PICTURE_BLOCKS_MAX; at += 2000, nr_runs++) {
            u64 length = 900 + (u64)rand() % 100;
            draw_run('o', at, length);
            nr_online += length;
        }
        budget = 100;
        u64 goal = nr_online - nr_online / 4;
        u64 nr_requests = 0;
        nr_looked_at = 0;
        while (blocks.nr_online > goal) {
            carry_out(plan_for(goal, PICTURE_BLOCKS_MAX));
            nr_requests++;
        }
        assert_int_equal(blocks.nr_online, goal);
        assert_in_range(nr_requests, nr_runs / 4 - 4, nr_runs / 4 + nr_runs / 32);
        assert_in_range(nr_looked_at, nr_runs,
                        3 * nr_runs); /* a survey, and little more than a sweep */
        vmem_map_free(&blocks);
    }
}

/* A survey and a sweep: each run is looked at twice, however many requests that is. */
TEST(test_plans_are_linear)
{
    assert_int_equal(vmem_map_init(&blocks, 100000), OK);
    for (u64 i = 0; i < 100000; i++)
        draw_run(i % 2 == 0 ? 'o' : 'X', i, 1);
    nr_looked_at = 0;
    budget = 1000000;
    while (blocks.nr_online > 60000)
        carry_out(plan_for(60000, 100000));
    assert_in_range(nr_looked_at, 90000, 150000);
    vmem_map_free(&blocks);
}

/* That there is nothing to be had is known after one survey: the rest of the budget is others'. */
TEST(test_nothing_costs_one_survey)
{
    draw("oXXX....");
    nr_looked_at = 0;
    budget = 1000;
    assert_int_equal(plan_for(6, 4).action, VMEM_ACTION_NOTHING);
    assert_in_range(nr_looked_at, 1, 8);
    vmem_map_free(&blocks);
}

/* Before UNPLUG ALL the online runs go offline one by one. A new goal ends that. */
TEST(test_gathering)
{
    draw("oo.o..oo");
    for (u64 left = 5; left > 0;) {
        struct vmem_plan plan = plan_for(0, 8);
        assert_int_equal(plan.action, VMEM_ACTION_OFFLINE);
        carry_out(plan);
        assert_int_equal(blocks.nr_online, left - plan.run.nr_blocks);
        left -= plan.run.nr_blocks;
    }
    assert_int_equal(plan_for(0, 8).action, VMEM_ACTION_UNPLUG_ALL);
    vmem_map_free(&blocks);

    draw("oo.o..oo"); /* a run that comes online again has its turn after those above */
    carry_out(plan_for(0, 8));
    carry_out(plan_for(0, 8));
    draw_run('o', 0, 1);
    static const u64 firsts[] = {6, 0};
    for (unsigned i = 0; i < ARRAY_SIZE(firsts); i++) {
        struct vmem_plan plan = plan_for(0, 8);
        assert_int_equal(plan.action, VMEM_ACTION_OFFLINE);
        assert_int_equal(plan.run.first, firsts[i]);
        carry_out(plan);
    }
    assert_int_equal(plan_for(0, 8).action, VMEM_ACTION_UNPLUG_ALL);
    vmem_map_free(&blocks);

    draw("oo.o..oo");
    carry_out(plan_for(0, 8));
    assert_int_equal(planner.phase, VMEM_PLANNER_GATHER);
    struct vmem_plan plan = plan_for(6, 8);
    assert_int_equal(plan.action, VMEM_ACTION_PLUG);
    assert_int_not_equal(planner.phase, VMEM_PLANNER_GATHER);
    vmem_map_free(&blocks);
}

/* Leaving: UNPLUG ALL, or nothing. */
TEST(test_for_good)
{
    is_for_good = true;
    draw("oooo....");
    carry_out(plan_for(0, 8));
    assert_int_equal(plan_for(0, 8).action, VMEM_ACTION_UNPLUG_ALL);
    vmem_map_free(&blocks);
    draw("ooXo....");
    assert_int_equal(plan_for(0, 8).shortfall, VMEM_SHORT_OF_IDLE);
    vmem_map_free(&blocks);
}

TEST_GROUP(set_up, tear_down)

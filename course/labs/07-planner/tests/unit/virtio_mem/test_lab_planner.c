/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The planner, one rule after the other, on small regions drawn as text (plan_picture.h). The plan
 * is a text too: "plug 3 at 0".
 */
#include "drivers/virtio/mem/spec.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/fakes/fake_host.h"
#include "tests/unit/unit.h"
#include "tests/unit/virtio_mem/plan_picture.h"

#include <stdio.h>

#define BLOCKS_MAX 600
#define ANY_BUDGET 3

static u64 budget;
static bool is_budget_checked;
static u64 nr_looks; /* in one call of the planner */

static void set_up(void)
{
    fake_host_start();
}

static void tear_down(void)
{
    fake_host_stop();
}

static bool next_idle(void *context, u64 from, u64 to, struct vmem_run *idle)
{
    nr_looks++;
    return picture_idle(context, from, to, idle);
}

static struct vmem_plan plan_for(u64 requested, u64 usable)
{
    const struct vmem_goal goal = {
        .nr_blocks = requested,
        .usable_blocks = min_u64(usable, blocks.nr_blocks),
        .run_limit = VIRTIO_MEM_NB_BLOCKS_MAX,
    };
    const struct vmem_idle_source idle = {next_idle, NULL};
    struct vmem_plan plan;
    u64 nr_calls = 0;
    do {
        planner.budget = budget;
        nr_looks = 0;
        vmem_plan_next(&planner, &goal, &blocks, &idle, &plan);
        if (is_budget_checked && (nr_looks > budget || planner.budget > budget))
            fail_msg("with a budget of %lu runs the planner looked at more of '%s'", budget,
                     picture);
        if (++nr_calls > 10 * BLOCKS_MAX)
            fail_msg("no plan after %lu calls for '%s' to %lu blocks", nr_calls, picture,
                     requested);
    } while (plan.action == VMEM_ACTION_SURVEY);
    return plan;
}

static const char *plan_text(const struct vmem_plan *plan)
{
    static char text[80];
    static const char *const names[] = {"nothing", "survey",  "plug",
                                        "unplug",  "offline", "unplug all"};
    static const char *const shorts[] = {"", ", short of idle", ", short of usable"};
    if (plan->action == VMEM_ACTION_NOTHING)
        snprintf(text, sizeof(text), "nothing%s %lu", shorts[plan->shortfall], plan->short_blocks);
    else
        snprintf(text, sizeof(text), "%s %lu at %lu", names[plan->action], plan->run.nr_blocks,
                 plan->run.first);
    return text;
}

struct plan_case {
    const char *region;
    u64 requested, usable;
    const char *plan;
};

static void check(const struct plan_case *cases, size_t nr_cases)
{
    budget = ANY_BUDGET;
    for (size_t i = 0; i < nr_cases; i++) {
        draw(cases[i].region);
        struct vmem_plan plan = plan_for(cases[i].requested, cases[i].usable);
        if (strcmp(plan_text(&plan), cases[i].plan) != 0)
            fail_msg("'%s' to %lu blocks, %lu usable: '%s', expected '%s'", cases[i].region,
                     cases[i].requested, cases[i].usable, plan_text(&plan), cases[i].plan);
        vmem_map_free(&blocks);
    }
}

#define CHECK(...)                                             \
    do {                                                       \
        static const struct plan_case cases[] = {__VA_ARGS__}; \
        check(cases, ARRAY_SIZE(cases));                       \
    } while (0)

TEST(grows_by_one_run)
{
    CHECK({"........", 5, 8, "plug 5 at 0"}, {"oo......", 5, 8, "plug 3 at 2"},
          {"o.o...o.......", 6, 14, "plug 3 at 3"}, {"XX.XX....X....", 8, 14, "plug 3 at 5"});
}

TEST(shrinks_by_one_run)
{
    CHECK({"oooooooo", 5, 8, "unplug 3 at 5"}, {"oooooXoo", 6, 8, "unplug 2 at 6"},
          {"ooooXXoo", 5, 8, "unplug 3 at 1"}, {"oooXooo.", 5, 8, "unplug 2 at 5"});
}

TEST(stays_in_the_usable_region)
{
    CHECK({"........", 6, 4, "plug 4 at 0"}, {"oo......", 7, 5, "plug 3 at 2"},
          {"o.o.....", 7, 4, "plug 1 at 1"}, {"oXooo...", 4, 3, "unplug 1 at 2"});
}

TEST(counts_blocks_in_doubt)
{
    CHECK({"??......", 3, 8, "plug 1 at 2"}, {"oXo??...", 2, 8, "unplug 1 at 2"},
          {".?.?....", 4, 8, "plug 2 at 4"});
}

TEST(says_what_is_short)
{
    CHECK({"oooo....", 6, 4, "nothing, short of usable 2"},
          {"........", 6, 0, "nothing, short of usable 6"},
          {"XXXX....", 1, 8, "nothing, short of idle 3"},
          {"XXoo....", 2, 2, "nothing, short of idle 2"});
}

TEST(takes_the_longest_first)
{
    CHECK({"o.o...o..", 8, 9, "plug 3 at 3"}, {"ooXoXooo", 3, 8, "unplug 2 at 0"},
          {"oXooXooo", 3, 8, "unplug 2 at 2"}, {"oXoXoXooXooooX", 9, 14, "unplug 2 at 6"},
          {"o.o..o...o....o", 12, 15, "plug 3 at 6"});
}

TEST(of_equal_runs_by_place)
{
    CHECK({"ooXooXooXooX", 8, 12, "unplug 2 at 6"}, {"..X..X..X..X", 8, 12, "plug 2 at 0"},
          {"oXoXoXoXoXoX", 9, 12, "unplug 1 at 6"});
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
    for (u64 i = plan.run.first; i < plan.run.first + plan.run.nr_blocks; i++)
        if (i >= blocks.nr_blocks || picture[i] == 'X')
            fail_msg("%s of '%s': block %lu is not to be had", plan_text(&plan), picture, i);
    draw_run(after[plan.action], plan.run.first, plan.run.nr_blocks);
}

/* The fewest runs of the letter that together are so many blocks, or all of them. */
static u64 fewest_runs(char letter, u64 need)
{
    u64 nr_of_length[BLOCKS_MAX + 1] = {0};
    u64 nr_runs = 0;
    for (u64 at = 0, length = 0; at <= blocks.nr_blocks; at++) {
        if (picture[at] == letter) {
            length++;
            continue;
        }
        nr_of_length[length]++;
        length = 0;
    }
    for (u64 length = blocks.nr_blocks; length > 0; length--) {
        for (; nr_of_length[length] > 0 && need > 0; nr_of_length[length]--) {
            need -= min_u64(need, length);
            nr_runs++;
        }
    }
    return nr_runs;
}

/* Runs of 1 to 9 blocks, so that many lengths occur, and no two of a kind beside each other. */
static void draw_random(char *region)
{
    unsigned kind = 0;
    for (u64 at = 0; at < BLOCKS_MAX;) {
        kind += 1 + (unsigned)rand() % 2;
        for (u64 left = 1 + (u64)rand() % 9; left > 0 && at < BLOCKS_MAX; left--)
            region[at++] = ".oX"[kind % 3];
    }
    region[BLOCKS_MAX] = '\0';
    draw(region);
}

static u64 follow(u64 requested)
{
    u64 nr_requests = 0;
    for (;;) {
        struct vmem_plan plan = plan_for(requested, BLOCKS_MAX);
        if (plan.action == VMEM_ACTION_NOTHING)
            return nr_requests;
        if (plan.action != VMEM_ACTION_OFFLINE && ++nr_requests > BLOCKS_MAX)
            fail_msg("more requests than blocks, to %lu", requested);
        carry_out(plan);
    }
}

TEST(any_region_in_the_fewest_requests)
{
    const char *seed = getenv("TIDE_WALK_SEED");
    char region[BLOCKS_MAX + 1];
    srand(seed ? (unsigned)atoi(seed) : 1);
    for (unsigned round = 0; round < 200; round++) {
        draw_random(region);
        budget = 1 + (u64)rand() % 200;
        u64 requested = 1 + (u64)rand() % BLOCKS_MAX;
        u64 nr_online = blocks.nr_online;
        u64 fewest = nr_online < requested ? fewest_runs('.', requested - nr_online)
                                           : fewest_runs('o', nr_online - requested);
        u64 nr_requests = follow(requested);
        u64 nr_used = 0;
        for (u64 i = 0; i < BLOCKS_MAX; i++)
            nr_used += picture[i] == 'X';
        if (blocks.nr_online != max_u64(requested, nr_used) || nr_requests != fewest)
            fail_msg("seed %s: to %lu blocks: %lu requests, expected %lu, and %lu blocks: '%s'",
                     seed ? seed : "1", requested, nr_requests, fewest, blocks.nr_online, region);
        vmem_map_free(&blocks);
    }
}

/* A plan is the same with any budget, and no call looks at more runs than that. */
TEST(keeps_to_its_budget)
{
    static const u64 budgets[] = {1, 2, 7, 1000};
    char first[80];
    is_budget_checked = true;
    for (unsigned i = 0; i < ARRAY_SIZE(budgets); i++) {
        draw("oXoXooXoXoooXoXooXoXoXooooXoXoX");
        budget = budgets[i];
        struct vmem_plan plan = plan_for(20, 31);
        if (i == 0)
            snprintf(first, sizeof(first), "%s", plan_text(&plan));
        assert_string_equal(plan_text(&plan), first);
        assert_int_equal(plan.action, VMEM_ACTION_UNPLUG);
        vmem_map_free(&blocks);
    }
}

TEST_GROUP(set_up, tear_down)

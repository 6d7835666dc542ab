/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * extras/workload/workload_spec.c and workload_plan.c: what users may write, and that each kind of
 * workload holds what it says, by the seed and by nothing else.
 */

#include "extras/workload/workload_plan.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/unit/unit.h"

#define CHUNKS_MAX 4096

/* A runner without memory: the table of chunks, and a limit above which allocations fail. */
struct runner {
    struct workload_plan plan;
    struct workload_chunk chunks[CHUNKS_MAX];
    u64 nr_held;
    u64 limit;
    u64 nr_allocs;
    u64 nr_frees;
    u64 nr_checks;
    u64 nr_denied;
    u64 most;
    u64 fingerprint; /* of every step, in order */
};

static struct runner *new_runner(const char *const *words, unsigned nr_words)
{
    static struct runner runner;
    struct workload_spec spec;
    struct workload_mistake mistake = {0};
    if (workload_spec_parse(nr_words, words, &spec, &mistake) != OK)
        fail_msg("'%s': expected %s", mistake.word, mistake.expected);
    runner = (struct runner){.limit = CHUNKS_MAX};
    workload_plan_init(&runner.plan, &spec);
    return &runner;
}

#define RUNNER(...) \
    new_runner((const char *const[]){__VA_ARGS__}, ARRAY_SIZE(((const char *const[]){__VA_ARGS__})))

static void allocate(struct runner *runner, u32 leaves)
{
    if (runner->nr_held == runner->limit) {
        runner->nr_denied++;
        workload_plan_denied(&runner->plan);
        return;
    }
    assert_true(runner->nr_held < CHUNKS_MAX);
    runner->chunks[runner->nr_held++] =
        (struct workload_chunk){.number = (u32)runner->nr_allocs++, .leaves = leaves};
    runner->most = max_u64(runner->most, runner->nr_held);
}

/* Run to the end of a tick; false at the end of the plan. */
static bool run_tick(struct runner *runner)
{
    for (unsigned steps = 0; steps < 100000; steps++) {
        struct workload_step step =
            workload_plan_next(&runner->plan, runner->chunks, runner->nr_held);
        runner->fingerprint = runner->fingerprint * 31 + (u64)step.action * 7 + step.index;
        switch (step.action) {
        case WORKLOAD_ALLOC:
            allocate(runner, step.leaves);
            break;
        case WORKLOAD_FREE:
            assert_true(step.index < runner->nr_held);
            runner->chunks[step.index] = runner->chunks[--runner->nr_held];
            runner->nr_frees++;
            break;
        case WORKLOAD_CHECK:
            assert_true(step.index < runner->nr_held);
            runner->nr_checks++;
            break;
        case WORKLOAD_WAIT:
            return true;
        default:
            return false;
        }
    }
    fail_msg("the tick %lu does not end", (unsigned long)runner->plan.tick);
    return false;
}

static void run_all(struct runner *runner)
{
    for (unsigned ticks = 0; run_tick(runner); ticks++)
        assert_true(ticks < 10000);
}

TEST(test_steady_holds_what_is_wanted)
{
    struct runner *runner = RUNNER("steady", "size=1M", "chunk=64K");
    static const struct {
        u64 bytes;
        u64 nr_held;
    } wants[] = {{512 * KIB, 8}, {100 * KIB, 1}, {0, 0}, {MIB, 16}};
    run_tick(runner);
    assert_int_equal(runner->nr_held, 16);
    for (unsigned i = 0; i < ARRAY_SIZE(wants); i++) {
        assert_int_equal(workload_plan_want(&runner->plan, wants[i].bytes), OK);
        assert_int_equal(workload_plan_target(&runner->plan, 0), wants[i].nr_held);
        run_tick(runner);
        assert_int_equal(runner->nr_held, wants[i].nr_held);
    }
    assert_int_equal(workload_plan_want(&runner->plan, MIB + 1), E_INVAL);
    assert_int_equal(workload_plan_target(&runner->plan, 0), 16);
    runner->plan.denied = true;
    assert_int_equal(workload_plan_want(&runner->plan, MIB), OK);
    assert_false(runner->plan.denied);
    runner = RUNNER("steady", "size=1M", "low=128K");
    run_tick(runner);
    assert_int_equal(runner->nr_held, 2);
    runner = RUNNER("ramp", "size=1M");
    assert_int_equal(workload_plan_want(&runner->plan, 64 * KIB), E_INVAL);
}

TEST(test_parse)
{
    static const struct {
        const char *words[3];
        unsigned nr_words;
        const char *wrong; /* NULL: accepted */
    } cases[] = {
        {{"steady"}, 1, NULL},
        {{"ramp", "size=1G", "low=512M"}, 3, NULL},
        {{"random", "seed=18446744073709551615"}, 2, NULL},
        {{NULL}, 0, ""},
        {{"stedy"}, 1, "stedy"},
        {{"steady", "size"}, 2, "size"},
        {{"steady", "size=5000"}, 2, "size=5000"},
        {{"steady", "size=0"}, 2, "size=0"},
        {{"steady", "size=2T"}, 2, "size=2T"},
        {{"steady", "sizes=1G"}, 2, "sizes=1G"},
        {{"random", "occupancy=101"}, 2, "occupancy=101"},
        {{"sawtooth", "period=1"}, 2, "period=1"},
        {{"steady", "size=1M", "chunk=2M"}, 3, "steady"},
        {{"ramp", "size=1M", "low=2M"}, 3, "ramp"},
        {{"random", "movable=100", "refuse=100"}, 3, NULL},
        {{"random", "movable=101"}, 2, "movable=101"},
        {{"random", "refuse=-1"}, 2, "refuse=-1"},
        {{"random", "movable=1", "chunk=2M"}, 3, NULL},
        {{"random", "movable=1", "chunk=4M"}, 3, "random"},
        {{"random", "movable=1", "chunk=12K"}, 3, "random"},
        {{"random", "movable=0", "chunk=12K"}, 3, NULL},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct workload_spec spec;
        struct workload_mistake mistake = {0};
        int status = workload_spec_parse(cases[i].nr_words, cases[i].words, &spec, &mistake);
        assert_int_equal(status, cases[i].wrong ? E_INVAL : OK);
        if (cases[i].wrong) {
            assert_string_equal(mistake.word, cases[i].wrong);
            assert_non_null(mistake.expected);
        }
    }
}

TEST(test_steady_holds_and_never_ends)
{
    struct runner *runner = RUNNER("steady", "size=1M", "chunk=64K");
    for (unsigned tick = 0; tick < 500; tick++)
        assert_true(run_tick(runner));
    assert_int_equal(runner->nr_held, 16);
    assert_int_equal(runner->nr_frees, 0);
}

TEST(test_steady_asks_again_each_tick)
{
    struct runner *runner = RUNNER("steady", "size=1M", "chunk=64K");
    runner->limit = 10;
    for (unsigned tick = 0; tick < 5; tick++)
        assert_true(run_tick(runner));
    assert_int_equal(runner->nr_held, 10);
    assert_int_equal(runner->nr_denied, 5);
    runner->limit = CHUNKS_MAX;
    assert_true(run_tick(runner));
    assert_int_equal(runner->nr_held, 16);
}

TEST(test_ramp_rises_evenly)
{
    struct runner *runner = RUNNER("ramp", "size=1M", "low=256K", "chunk=64K", "ticks=12");
    for (u64 tick = 0; tick < 12; tick++) {
        assert_true(run_tick(runner));
        assert_int_equal(runner->nr_held, 4 + tick);
    }
    run_all(runner);
    assert_int_equal(runner->nr_held, 16);
}

TEST(test_sawtooth_rises_and_falls)
{
    struct runner *runner = RUNNER("sawtooth", "size=640K", "chunk=64K", "period=20", "ticks=40");
    static const u64 held[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
    for (u64 tick = 0; tick < 40; tick++) {
        assert_true(run_tick(runner));
        assert_int_equal(runner->nr_held, held[tick % 20]);
    }
    run_all(runner);
    assert_int_equal(runner->nr_held, 0);
}

TEST(test_random_leaves_the_occupancy)
{
    struct runner *runner = RUNNER("random", "size=8M", "chunk=8K", "occupancy=30", "ticks=50");
    run_all(runner);
    assert_int_equal(runner->most, 1024);
    assert_int_equal(runner->nr_held, 307);
    assert_int_equal(runner->nr_allocs - runner->nr_frees, 307);
    assert_true(runner->nr_frees > 717 + 50);
    /* Scattered: the first chunks that were allocated are neither all there nor all gone. */
    u64 early = 0;
    for (u64 i = 0; i < runner->nr_held; i++)
        early += runner->chunks[i].number < 512;
    assert_true(early > 50 && early < 250);
}

TEST(test_bursts_come_and_go)
{
    struct runner *runner =
        RUNNER("bursts", "size=64M", "chunk=64K", "function=4M", "life=10", "ticks=300");
    u64 rises = 0;
    u64 before = 0;
    for (unsigned tick = 0; tick < 300; tick++) {
        assert_true(run_tick(runner));
        assert_true(runner->nr_held <= 1024);
        rises += runner->nr_held > before;
        before = runner->nr_held;
    }
    assert_true(rises > 10 && rises < 100);
    assert_true(runner->most > 300);
    run_all(runner);
    assert_int_equal(runner->nr_held, 0);
    assert_int_equal(runner->nr_allocs, runner->nr_frees);
}

TEST(test_verify_checks_all_in_each_round)
{
    struct runner *runner = RUNNER("verify", "size=1M", "chunk=64K", "ticks=3");
    run_all(runner);
    assert_int_equal(runner->nr_checks, 48);
    assert_int_equal(runner->nr_allocs, 48);
    assert_int_equal(runner->nr_frees, 48);
}

TEST(test_the_seed_decides)
{
    static const char *const kinds[] = {"random", "bursts"};
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        u64 fingerprints[3];
        static const char *const seeds[] = {"seed=5", "seed=5", "seed=6"};
        for (unsigned run = 0; run < 3; run++) {
            struct runner *runner =
                RUNNER(kinds[i], "size=16M", "chunk=64K", "ticks=100", seeds[run]);
            run_all(runner);
            fingerprints[run] = runner->fingerprint;
        }
        assert_int_equal(fingerprints[0], fingerprints[1]);
        assert_int_not_equal(fingerprints[0], fingerprints[2]);
    }
}

TEST(test_every_kind_ends_without_memory)
{
    static const char *const kinds[] = {"ramp", "sawtooth", "bursts", "random", "verify"};
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct runner *runner = RUNNER(kinds[i], "ticks=40");
        runner->limit = 0;
        run_all(runner);
        assert_int_equal(runner->nr_held, 0);
        assert_true(runner->nr_denied > 0);
        /* Once a tick at most, and random once more as it fills. */
        assert_true(runner->nr_denied <= 42);
    }
}

/* The shares are met, by the seed, and change nothing about the steps. */
TEST(test_movable_shares)
{
    struct workload_spec spec = {.seed = 7, .movable = 30, .refuse = 20};
    u64 nr_movable = 0;
    u64 nr_refusing = 0;
    for (u32 number = 0; number < 10000; number++) {
        nr_movable += workload_is_movable(&spec, number);
        nr_refusing += workload_is_movable(&spec, number) && workload_refuses(&spec, number);
    }
    assert_in_range(nr_movable, 2850, 3150);
    assert_in_range(nr_refusing, 540, 660);
    spec.movable = spec.refuse = 0;
    assert_false(workload_is_movable(&spec, 1) || workload_refuses(&spec, 1));
    spec.movable = spec.refuse = 100;
    assert_true(workload_is_movable(&spec, 1) && workload_refuses(&spec, 1));
    u64 fingerprint = 0;
    for (unsigned run = 0; run < 2; run++) {
        struct runner *runner = RUNNER("random", "size=16M", run == 0 ? "movable=0" : "movable=60");
        run_all(runner);
        assert_true(run == 0 || runner->fingerprint == fingerprint);
        fingerprint = runner->fingerprint;
    }
}

TEST(test_pattern_names_its_place)
{
    u64 here = workload_pattern(1, 2, 3, 4);
    assert_int_equal(here, workload_pattern(1, 2, 3, 4));
    assert_int_not_equal(here, workload_pattern(2, 2, 3, 4));
    assert_int_not_equal(here, workload_pattern(1, 3, 3, 4));
    assert_int_not_equal(here, workload_pattern(1, 2, 4, 4));
    assert_int_not_equal(here, workload_pattern(1, 2, 3, 5));
}

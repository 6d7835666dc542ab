/* SPDX-License-Identifier: BSD-2-Clause */
/* The planner as a whole: any goal, any blocks online, in doubt and idle, at any place of a survey,
 * a sweep or the gathering, with any budget. */
#include "drivers/virtio/mem/plan.c"
#include "tests/proofs/plan.h"
#include "tests/proofs/vmem_host.h"

#define LOOKS_MAX \
    12u /* the rest of a sweep, a survey and a sweep: three runs each, and their end */

static blocks_t idle_blocks, can_go; /* can_go: what a survey looks for, idle or unplugged */

static blocks_t below(uint64_t block)
{
    return (blocks_t)((1u << vmem_min(block, PROOF_BLOCKS)) - 1);
}

/* What class_of() and count_run() prove, of so few blocks. */
unsigned short_class_of(uint64_t nr_blocks)
{
    PROVE(nr_blocks <= PROOF_BLOCKS);
    return (unsigned)nr_blocks;
}

void count_short_run(struct vmem_planner *planner, struct vmem_run run, uint64_t usable_blocks,
                     uint64_t wanted)
{
    planner->nr_blocks += run.nr_blocks;
    if (run.first >= usable_blocks)
        return;
    run.nr_blocks = vmem_min(run.nr_blocks, usable_blocks - run.first);
    planner->nr_runs++;
    for (unsigned i = 1; i <= PROOF_BLOCKS; i++)
        planner->nr_of_class[i] += run.nr_blocks == i;
    if (run.nr_blocks >= wanted)
        planner->fit = run;
}

/* What begin_sweep() proves. */
void any_sweep(struct vmem_planner *planner, uint64_t need)
{
    PROVE(need != 0 && planner->nr_runs != 0);
    planner->phase = VMEM_PLANNER_SWEEP;
    planner->from = 0;
    planner->least_class = nondet_u8() % VMEM_LENGTH_CLASSES;
    planner->nr_of_least = nondet_u64();
    planner->nr_passed_over = nondet_u64();
    ASSUME(is_sweep_right(planner, PROOF_BLOCKS + 1));
}

/* vmem_idle_source of plan.h. */
static bool next_idle(void *context, uint64_t from, uint64_t to, struct vmem_run *idle)
{
    (void)context;
    blocks_t blocks = idle_blocks & below(to) & ~below(from), end;
    if (blocks == 0)
        return false;
    idle->first = (unsigned)__builtin_ctz(blocks);
    end = ~blocks & ~below(idle->first);
    idle->nr_blocks = (unsigned)__builtin_ctz(end | 1u << PROOF_BLOCKS) - idle->first;
    return true;
}

/* A survey that has come to `from`: it counted the runs below. */
static void any_survey(struct vmem_planner *planner, uint64_t usable_blocks, uint64_t to)
{
    unsigned length = 0;
    *planner = (struct vmem_planner){.phase = VMEM_PLANNER_SURVEY, .grows = planner->grows};
    planner->from = nondet_u8() % (PROOF_BLOCKS + 1);
    for (unsigned i = 0; i < planner->from; i++) {
        bool is_one = can_go >> i & 1;
        bool is_last = !is_one || i + 1 == planner->from;
        length += is_one;
        if (is_last && length != 0)
            count_short_run(planner, (struct vmem_run){i + is_one - length, length}, usable_blocks,
                            ~(uint64_t)0);
        length = is_last ? 0 : length;
    }
    uint64_t from = planner->from;
    ASSUME(from == 0 || (from <= to && can_go >> (from - 1) & 1));
    ASSUME(from == 0 || from == to || !(can_go >> from & 1));
    if (!planner->grows && nondet_bool()) {
        planner->fit = (struct vmem_run){nondet_u8(), nondet_u8()};
        ASSUME(planner->fit.first < usable_blocks && planner->fit.nr_blocks != 0 &&
               planner->fit.nr_blocks <= usable_blocks - planner->fit.first);
        ASSUME(is_in(blocks_of(planner->fit), can_go));
    }
}

void harness(void)
{
    struct vmem_block_map map = {.nr_blocks = nondet_u8() % (PROOF_BLOCKS + 1)};
    struct vmem_goal goal;
    struct vmem_planner planner;
    struct vmem_plan plan;
    const struct vmem_idle_source idle = {next_idle, NULL};
    blocks_t all = below(map.nr_blocks);
    proof_online = nondet_u8() & all;
    proof_in_doubt = nondet_u8() & all & ~proof_online;
    idle_blocks = nondet_u8() & proof_online;
    map.nr_online = count_of(proof_online);
    map.nr_in_doubt = count_of(proof_in_doubt);
    goal.is_for_good = nondet_bool();
    ASSUME(goal.usable_blocks <= map.nr_blocks && goal.run_limit >= 1 && goal.run_limit <= 65535);
    uint64_t plugged = map.nr_online + map.nr_in_doubt;
    bool grows = plugged < goal.nr_blocks, is_all = proof_in_doubt == 0 && goal.nr_blocks == 0;
    planner.grows = nondet_bool();
    can_go = grows ? all & ~proof_online & ~proof_in_doubt : idle_blocks;
    planner.phase = nondet_u8() % (VMEM_PLANNER_GATHER + 1);
    if (planner.phase == VMEM_PLANNER_SURVEY && planner.grows == grows)
        any_survey(&planner, goal.usable_blocks, is_all ? map.nr_blocks : goal.usable_blocks);
    ASSUME(planner.phase != VMEM_PLANNER_SWEEP || planner.least_class < VMEM_LENGTH_CLASSES);
    planner.budget = nondet_u64();
    enum vmem_planner_phase before = planner.phase;
    uint64_t budget = planner.budget;
    blocks_t wanted = can_go & below(goal.usable_blocks);
    uint64_t need = grows                            ? goal.nr_blocks - plugged
                    : map.nr_online > goal.nr_blocks ? map.nr_online - goal.nr_blocks
                                                     : 0;

    vmem_plan_next(&planner, &goal, &map, &idle, &plan);
    PROVE(is_plan_right(&plan, &goal, proof_online, proof_in_doubt, before, planner.phase));
    PROVE(planner.budget <= budget && budget - planner.budget <= LOOKS_MAX);
    PROVE(plan.action != VMEM_ACTION_UNPLUG || is_in(blocks_of(plan.run), idle_blocks));
    PROVE(plan.action != VMEM_ACTION_OFFLINE || before == VMEM_PLANNER_GATHER ||
          idle_blocks == proof_online);
    PROVE(plan.action != VMEM_ACTION_SURVEY || budget < LOOKS_MAX);
    bool is_at_rest = plan.action == VMEM_ACTION_NOTHING, is_short = is_at_rest && need != 0;
    PROVE(plan.short_blocks == (is_short ? need : 0));
    PROVE((plan.shortfall == VMEM_SHORT_OF_USABLE) == (is_short && grows));
    PROVE((plan.shortfall == VMEM_SHORT_OF_IDLE) == (is_short && !grows));
    PROVE(!is_short || wanted == 0 || goal.is_for_good);
    PROVE(!is_short || !is_all || idle_blocks != proof_online);
}

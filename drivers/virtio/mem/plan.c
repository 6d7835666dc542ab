/* SPDX-License-Identifier: BSD-2-Clause */
/* The policy; see the header. */
#include "plan.h"

#include "spec.h"

/* ---- lengths ---- */

#define EXACT_LENGTHS 16u /* above, each power of two has eight classes */

static unsigned class_of(uint64_t nr_blocks)
{
    unsigned length = (unsigned)vmem_min(nr_blocks, VIRTIO_MEM_NB_BLOCKS_MAX);
    if (length < EXACT_LENGTHS)
        return length;
    unsigned power = 31 - (unsigned)__builtin_clz(length);
    return EXACT_LENGTHS + (power - 4) * 8 + (length >> (power - 3)) % 8;
}

/* The least length of a class. */
static uint64_t length_of(unsigned class)
{
    if (class < EXACT_LENGTHS)
        return class;
    unsigned power = (class - EXACT_LENGTHS) / 8 + 4;
    return (uint64_t)(8 + class % 8) << (power - 3);
}

/* ---- the runs that can be taken ---- */

static bool next_run(struct vmem_planner *planner, const struct vmem_block_map *map,
                     const struct vmem_idle_source *idle, uint64_t to, struct vmem_run *run)
{
    planner->budget--;
    if (planner->grows)
        return vmem_map_next(map, VMEM_BLOCK_UNPLUGGED, planner->from, to, run);
    return idle->next(idle->context, planner->from, to, run);
}

static bool may_unplug_all(const struct vmem_planner *planner, const struct vmem_goal *goal,
                           const struct vmem_block_map *map)
{
    return !planner->grows && goal->nr_blocks == 0 && map->nr_in_doubt == 0;
}

static void count_run(struct vmem_planner *planner, struct vmem_run run, uint64_t usable_blocks,
                      uint64_t wanted)
{
    planner->nr_blocks += run.nr_blocks;
    if (run.first >= usable_blocks)
        return;
    run.nr_blocks = vmem_min(run.nr_blocks, usable_blocks - run.first);
    planner->nr_runs++;
    planner->nr_of_class[class_of(run.nr_blocks)]++;
    if (run.nr_blocks >= wanted)
        planner->fit = run;
}

/* True at the end of the survey. The best fit is the lowest to grow, the highest to shrink. */
static bool survey(struct vmem_planner *planner, const struct vmem_goal *goal,
                   const struct vmem_block_map *map, const struct vmem_idle_source *idle,
                   uint64_t wanted)
{
    uint64_t to = may_unplug_all(planner, goal, map) ? map->nr_blocks : goal->usable_blocks;
    struct vmem_run run;
    while (planner->budget != 0) {
        if (!next_run(planner, map, idle, to, &run))
            return true;
        planner->from = run.first + run.nr_blocks;
        count_run(planner, run, goal->usable_blocks, wanted);
        if (planner->grows && planner->fit.nr_blocks != 0)
            return true;
    }
    return false;
}

/* Whether to give everything back at once: only where that saves requests, for it shrinks the
 * usable region too, or where nothing else reaches the blocks. */
static bool is_unplug_all_better(const struct vmem_planner *planner, const struct vmem_goal *goal,
                                 const struct vmem_block_map *map)
{
    if (!may_unplug_all(planner, goal, map) || planner->nr_blocks != map->nr_online)
        return false;
    bool one_request_does =
        planner->fit.nr_blocks == planner->nr_blocks && planner->nr_blocks <= goal->run_limit;
    return goal->is_for_good || !one_request_does;
}

/* The longest runs that together are `need` blocks, by the least length of each class. */
static void begin_sweep(struct vmem_planner *planner, uint64_t need)
{
    unsigned least = VMEM_LENGTH_CLASSES - 1;
    for (; least > 1 && planner->nr_of_class[least] * length_of(least) < need; least--)
        need -= planner->nr_of_class[least] * length_of(least);
    planner->phase = VMEM_PLANNER_SWEEP;
    planner->from = 0;
    planner->least_class = least;
    planner->nr_of_least = (need + length_of(least) - 1) / length_of(least);
    planner->nr_passed_over = 0;
    if (!planner->grows && planner->nr_of_class[least] > planner->nr_of_least)
        planner->nr_passed_over = planner->nr_of_class[least] - planner->nr_of_least;
}

/* The bottom of the run to grow, its top to shrink. */
static void take(const struct vmem_planner *planner, struct vmem_run run, uint64_t wanted,
                 struct vmem_plan *plan)
{
    uint64_t nr_blocks = vmem_min(run.nr_blocks, wanted);
    plan->action = planner->grows ? VMEM_ACTION_PLUG : VMEM_ACTION_UNPLUG;
    plan->run.first = planner->grows ? run.first : run.first + run.nr_blocks - nr_blocks;
    plan->run.nr_blocks = nr_blocks;
}

/* Whether the sweep takes a run of this length. */
static bool is_wanted(struct vmem_planner *planner, uint64_t nr_blocks)
{
    unsigned class = class_of(nr_blocks);
    if (class != planner->least_class)
        return class > planner->least_class;
    if (planner->nr_passed_over != 0) {
        planner->nr_passed_over--;
        return false;
    }
    if (planner->nr_of_least == 0)
        return false;
    planner->nr_of_least--;
    return true;
}

/* False at the end of the sweep. `from` stays at a run that is taken, as there may be a rest. */
static bool sweep(struct vmem_planner *planner, const struct vmem_goal *goal,
                  const struct vmem_block_map *map, const struct vmem_idle_source *idle,
                  uint64_t wanted, struct vmem_plan *plan)
{
    struct vmem_run run;
    while (planner->budget != 0) {
        if (!next_run(planner, map, idle, goal->usable_blocks, &run))
            return false;
        planner->from = run.first;
        if (is_wanted(planner, run.nr_blocks)) {
            take(planner, run, wanted, plan);
            return true;
        }
        planner->from += run.nr_blocks;
    }
    return true;
}

/* What the survey says. False: to be found by a sweep, which has begun. */
static bool decide(struct vmem_planner *planner, const struct vmem_goal *goal,
                   const struct vmem_block_map *map, uint64_t need, struct vmem_plan *plan)
{
    planner->phase = VMEM_PLANNER_NEW;
    if (is_unplug_all_better(planner, goal, map)) {
        planner->phase = VMEM_PLANNER_GATHER;
        planner->from = 0;
        return true;
    }
    if (planner->nr_runs == 0 || goal->is_for_good) {
        plan->action = VMEM_ACTION_NOTHING;
        plan->shortfall = planner->grows ? VMEM_SHORT_OF_USABLE : VMEM_SHORT_OF_IDLE;
        plan->short_blocks = need;
        return true;
    }
    if (planner->fit.nr_blocks != 0) {
        take(planner, planner->fit, vmem_min(need, goal->run_limit), plan);
        return true;
    }
    begin_sweep(planner, need);
    return false;
}

static void begin_survey(struct vmem_planner *planner, bool grows)
{
    *planner = (struct vmem_planner){
        .phase = VMEM_PLANNER_SURVEY, .grows = grows, .budget = planner->budget};
}

static void gather(struct vmem_planner *planner, const struct vmem_goal *goal,
                   const struct vmem_block_map *map, struct vmem_plan *plan)
{
    if (map->nr_online == 0) {
        plan->action = VMEM_ACTION_UNPLUG_ALL;
        planner->phase = VMEM_PLANNER_NEW;
        return;
    }
    if (!vmem_map_next(map, VMEM_BLOCK_ONLINE, planner->from, map->nr_blocks, &plan->run))
        (void)vmem_map_next(map, VMEM_BLOCK_ONLINE, 0, map->nr_blocks, &plan->run);
    planner->from = plan->run.first;
    plan->run.nr_blocks = vmem_min(plan->run.nr_blocks, goal->run_limit);
    plan->action = VMEM_ACTION_OFFLINE;
}

void vmem_plan_next(struct vmem_planner *planner, const struct vmem_goal *goal,
                    const struct vmem_block_map *map, const struct vmem_idle_source *idle,
                    struct vmem_plan *plan)
{
    uint64_t plugged = map->nr_online + map->nr_in_doubt;
    bool grows = plugged < goal->nr_blocks;
    uint64_t need = grows ? goal->nr_blocks - plugged
                          : map->nr_online - vmem_min(map->nr_online, goal->nr_blocks);
    uint64_t wanted = vmem_min(need, goal->run_limit);
    *plan = (struct vmem_plan){.action = VMEM_ACTION_NOTHING};
    if (grows != planner->grows || (planner->phase == VMEM_PLANNER_GATHER && goal->nr_blocks != 0))
        vmem_plan_forget(planner);
    if (need == 0 && planner->phase != VMEM_PLANNER_GATHER)
        return;
    plan->action = VMEM_ACTION_SURVEY;
    while (planner->budget != 0 && planner->phase != VMEM_PLANNER_GATHER) {
        if (planner->phase == VMEM_PLANNER_NEW)
            begin_survey(planner, grows);
        if (planner->phase == VMEM_PLANNER_SURVEY &&
            (!survey(planner, goal, map, idle, wanted) || decide(planner, goal, map, need, plan)))
            break;
        if (planner->phase == VMEM_PLANNER_SWEEP && sweep(planner, goal, map, idle, wanted, plan))
            break;
        planner->phase = VMEM_PLANNER_NEW;
    }
    if (planner->phase == VMEM_PLANNER_GATHER)
        gather(planner, goal, map, plan);
}

void vmem_plan_forget(struct vmem_planner *planner)
{
    planner->phase = VMEM_PLANNER_NEW;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the planner promises: proved of it, and taken for granted in the proof of what carries it
 * out. */
#ifndef TIDE_TESTS_PROOFS_PLAN_H
#define TIDE_TESTS_PROOFS_PLAN_H

#include "drivers/virtio/mem/plan.h"
#include "tests/proofs/blocks.h"

/* Whether a sweep that begins is to take a run: one of a class above the least, or of the least
 * without those that are passed over. The runs counted are of classes below nr_classes. */
static inline bool is_sweep_right(const struct vmem_planner *planner, unsigned nr_classes)
{
    bool has_run = false;
    for (unsigned i = 0; i < nr_classes; i++)
        has_run |= i >= planner->least_class && planner->nr_of_class[i] != 0;
    uint32_t nr = planner->nr_of_class[planner->least_class];
    return planner->phase == VMEM_PLANNER_SWEEP && planner->from == 0 && has_run &&
           planner->nr_of_least != 0 &&
           (planner->nr_passed_over == 0 ||
            (planner->nr_of_least <= nr && planner->nr_passed_over <= nr - planner->nr_of_least));
}

/* Whether a plan is allowed for these blocks: inside the usable region, never past the goal either
 * way, no longer than a request, and everything is gathered only where nothing is in doubt and
 * nothing wanted. */
static inline bool is_plan_right(const struct vmem_plan *plan, const struct vmem_goal *goal,
                                 blocks_t online, blocks_t in_doubt, enum vmem_planner_phase before,
                                 enum vmem_planner_phase after)
{
    uint64_t end = plan->run.first + plan->run.nr_blocks;
    bool is_run = plan->action == VMEM_ACTION_PLUG || plan->action == VMEM_ACTION_UNPLUG ||
                  plan->action == VMEM_ACTION_OFFLINE;
    bool gathers = plan->action == VMEM_ACTION_OFFLINE;
    if ((after == VMEM_PLANNER_GATHER) != gathers)
        return false;
    if (is_run && (plan->run.nr_blocks == 0 || plan->run.first >= PROOF_BLOCKS ||
                   plan->run.nr_blocks > PROOF_BLOCKS - plan->run.first ||
                   plan->run.nr_blocks > goal->run_limit))
        return false;
    blocks_t blocks = is_run ? blocks_of(plan->run) : 0;
    switch (plan->action) {
    case VMEM_ACTION_PLUG:
        return (blocks & (online | in_doubt)) == 0 && end <= goal->usable_blocks &&
               count_of(online | in_doubt) + plan->run.nr_blocks <= goal->nr_blocks;
    case VMEM_ACTION_UNPLUG:
        return is_in(blocks, online) && end <= goal->usable_blocks &&
               count_of(online) - plan->run.nr_blocks >= goal->nr_blocks;
    case VMEM_ACTION_OFFLINE:
        return is_in(blocks, online) && goal->nr_blocks == 0 &&
               (before == VMEM_PLANNER_GATHER || in_doubt == 0);
    case VMEM_ACTION_UNPLUG_ALL:
        return online == 0 && goal->nr_blocks == 0 && before == VMEM_PLANNER_GATHER;
    default:
        return true;
    }
}

#endif

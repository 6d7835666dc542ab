/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TRACKING and MIGRATING: any plan that the planner may make is carried out, in any valid state.
 * The loop that sends a batch is cut at its head: one turn of it begins in any state that the turns
 * before may have left, and ends in such a state.
 */
#include "tests/proofs/machine.h"
#include "tests/proofs/plan.h"

static blocks_t online_before, named_before; /* when the goal was set */
static enum vmem_state state_before;
static bool has_planned;

/* What each turn of the loop keeps: blocks only leave the allocator, and come in doubt. */
static bool is_turn_valid(void)
{
    return proof_is_valid() && proof_vmem.state == state_before && !proof_virtio.broken &&
           !proof.all && is_in(proof_online, online_before) &&
           is_in(named_before, proof_online | proof_in_doubt);
}

static void any_turn(void)
{
    proof_online = nondet_u8();
    proof_in_doubt = nondet_u8();
    proof_vmem.map.nr_online = count_of(proof_online);
    proof_vmem.map.nr_in_doubt = count_of(proof_in_doubt);
    proof_vmem.requests.nr_in_flight = nondet_u8();
    proof_vmem.planner.phase = nondet_u8() % (VMEM_PLANNER_GATHER + 1);
    proof.used = nondet_u8();
    proof.plug = nondet_u8();
    proof.unplug = nondet_u8();
    ASSUME(is_turn_valid() && proof_vmem.requests.nr_in_flight < VMEM_REQUESTS_MAX);
}

void vmem_plan_next(struct vmem_planner *planner, const struct vmem_goal *goal,
                    const struct vmem_block_map *map, const struct vmem_idle_source *idle,
                    struct vmem_plan *plan)
{
    (void)map, (void)idle;
    struct vmem_plan any = {.action = nondet_u8() % (VMEM_ACTION_UNPLUG_ALL + 1),
                            .shortfall = nondet_u8() % (VMEM_SHORT_OF_USABLE + 1)};
    if (!has_planned) {
        online_before = proof_online;
        named_before = proof_online | proof_in_doubt;
        state_before = proof_vmem.state;
    }
    PROVE(is_turn_valid());
    ASSUME(!has_planned);
    has_planned = true;
    any_turn();
    any.run.first = nondet_u8();
    any.run.nr_blocks = nondet_u8();
    enum vmem_planner_phase after = nondet_u8() % (VMEM_PLANNER_GATHER + 1);
    ASSUME(is_plan_right(&any, goal, proof_online, proof_in_doubt, planner->phase, after));
    planner->phase = after;
    planner->budget = nondet_u64();
    planner->grows = nondet_bool();
    *plan = any;
}

void vmem_report_settled(struct vmem_device *vmem)
{
    (void)vmem;
}

void vmem_report_short(struct vmem_device *vmem, uint64_t nr_blocks)
{
    (void)vmem, (void)nr_blocks;
}

void harness(void)
{
    struct vmem_device *vmem = any_device();
    ASSUME(proof_may_track(vmem));

    (void)vmem_track(vmem, nondet_u64());
    vmem_notice_broken(vmem, VMEM_EVENT_CONFIG);
    PROVE(proof_is_valid());
    PROVE(proof_virtio.broken == (vmem->state == VMEM_STATE_BROKEN));
}

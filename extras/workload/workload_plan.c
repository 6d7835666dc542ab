/* SPDX-License-Identifier: BSD-2-Clause */
/* See workload_plan.h. One function per kind of workload; all randomness is drawn by draw(). */
#include "extras/workload/workload_plan.h"

#include "include/status.h"

enum random_phase { RANDOM_FILL, RANDOM_THIN, RANDOM_CHURN };
enum verify_phase { VERIFY_FILL, VERIFY_CHECK, VERIFY_FREE };

/* A burst comes in one tick of so many, on average; functions hold this part of the size. */
#define TICKS_PER_BURST    8
#define BURST_LOAD_PERCENT 60

/* splitmix64's mixer. */
static u64 mix(u64 word)
{
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
    word = (word ^ word >> 27) * 0x94d049bb133111eb;
    return word ^ word >> 31;
}

/* A number below `limit`, which is above 0. */
static u64 draw(struct workload_plan *plan, u64 limit)
{
    plan->random += 0x9e3779b97f4a7c15;
    return mix(plan->random) % limit;
}

u64 workload_pattern(u64 seed, u32 number, u64 page, u64 word)
{
    return mix(mix(seed + number) + page * 512 + word);
}

bool workload_is_movable(const struct workload_spec *spec, u32 number)
{
    return mix(mix(spec->seed) + number) % 100 < spec->movable;
}

bool workload_refuses(const struct workload_spec *spec, u32 number)
{
    return spec->refuse != 0 && mix(mix(~spec->seed) + number) % 100 < spec->refuse;
}

void workload_plan_init(struct workload_plan *plan, const struct workload_spec *spec)
{
    u64 first_bytes = spec->low_bytes != 0 ? spec->low_bytes : spec->size_bytes;
    *plan = (struct workload_plan){
        .spec = *spec, .random = mix(spec->seed), .nr_wanted = first_bytes / spec->chunk_bytes};
}

int workload_plan_want(struct workload_plan *plan, u64 bytes)
{
    if (plan->spec.kind != WORKLOAD_STEADY || bytes > plan->spec.size_bytes)
        return E_INVAL;
    plan->nr_wanted = bytes / plan->spec.chunk_bytes;
    plan->denied = false;
    return OK;
}

void workload_plan_denied(struct workload_plan *plan)
{
    plan->denied = true;
}

static struct workload_step step_to(enum workload_action action, u64 index)
{
    return (struct workload_step){.action = action, .index = index};
}

static struct workload_step end_tick(struct workload_plan *plan)
{
    plan->tick++;
    plan->denied = false;
    plan->arrived = false;
    plan->cursor = 0;
    return step_to(WORKLOAD_WAIT, 0);
}

static u64 between(u64 low, u64 high, u64 part, u64 whole)
{
    return low + (high - low) * part / whole;
}

/* The chunks that steady, ramp and sawtooth hold in the present tick. */
static u64 level(const struct workload_plan *plan)
{
    const struct workload_spec *spec = &plan->spec;
    u64 high = workload_spec_chunks(spec);
    u64 low = spec->low_bytes / spec->chunk_bytes;
    u64 half = spec->period_ticks / 2;
    u64 phase = plan->tick % spec->period_ticks;
    switch (spec->kind) {
    case WORKLOAD_RAMP:
        return spec->nr_ticks == 0
                   ? high
                   : between(low, high, min_u64(plan->tick, spec->nr_ticks), spec->nr_ticks);
    case WORKLOAD_SAWTOOTH:
        if (plan->tick >= spec->nr_ticks)
            return low;
        return phase <= half
                   ? between(low, high, phase, half)
                   : between(low, high, spec->period_ticks - phase, spec->period_ticks - half);
    default:
        return plan->nr_wanted;
    }
}

static struct workload_step next_level(struct workload_plan *plan, u64 nr_held)
{
    u64 wanted = level(plan);
    if (nr_held > wanted)
        return step_to(WORKLOAD_FREE, nr_held - 1);
    if (nr_held < wanted && !plan->denied)
        return step_to(WORKLOAD_ALLOC, 0);
    if (plan->spec.kind != WORKLOAD_STEADY && plan->tick >= plan->spec.nr_ticks)
        return step_to(WORKLOAD_DONE, 0);
    return end_tick(plan);
}

static u64 thinned(const struct workload_spec *spec)
{
    return workload_spec_chunks(spec) * spec->occupancy / 100;
}

static struct workload_step next_random(struct workload_plan *plan, u64 nr_held)
{
    const struct workload_spec *spec = &plan->spec;
    if (plan->phase == RANDOM_FILL) {
        if (nr_held < workload_spec_chunks(spec) && !plan->denied)
            return step_to(WORKLOAD_ALLOC, 0);
        plan->phase = RANDOM_THIN;
        plan->denied = false;
    }
    if (plan->phase == RANDOM_THIN) {
        if (nr_held > thinned(spec))
            return step_to(WORKLOAD_FREE, draw(plan, nr_held));
        plan->phase = RANDOM_CHURN;
    }
    if (nr_held < thinned(spec) && !plan->denied)
        return step_to(WORKLOAD_ALLOC, 0);
    if (plan->tick >= spec->nr_ticks)
        return step_to(WORKLOAD_DONE, 0);
    /* Each tick swaps a sixty-fourth of what is held: free one, and the line above allocates one.
     */
    if (nr_held > 0 && plan->cursor++ <= nr_held / 64)
        return step_to(WORKLOAD_FREE, draw(plan, nr_held));
    return end_tick(plan);
}

/* A function arrives: how much it holds, and how long. */
static void draw_function(struct workload_plan *plan)
{
    u64 most = max_u64(plan->spec.function_bytes / plan->spec.chunk_bytes, 1);
    plan->nr_functions--;
    plan->arriving = 1 + draw(plan, most);
    plan->leaves = (u32)(plan->tick + 1 + draw(plan, plan->spec.life_ticks));
}

static void draw_burst(struct workload_plan *plan)
{
    const struct workload_spec *spec = &plan->spec;
    plan->arrived = true;
    if (plan->tick >= spec->nr_ticks || draw(plan, TICKS_PER_BURST) != 0)
        return;
    /* By Little's law: held = arrivals a tick x half of the largest x half of the longest life. */
    u64 one = max_u64(spec->function_bytes / spec->chunk_bytes, 1) * spec->life_ticks;
    u64 load = workload_spec_chunks(spec) * BURST_LOAD_PERCENT / 100;
    u64 average = 4 * TICKS_PER_BURST * load / one;
    plan->nr_functions = 1 + draw(plan, max_u64(2 * average, 1));
}

static struct workload_step next_burst(struct workload_plan *plan,
                                       const struct workload_chunk *chunks, u64 nr_held)
{
    /* Those leave whose time has come. A free moves the last chunk here: look at the place again.
     */
    for (; plan->cursor < nr_held; plan->cursor++) {
        if (chunks[plan->cursor].leaves <= plan->tick)
            return step_to(WORKLOAD_FREE, plan->cursor);
    }
    if (!plan->arrived)
        draw_burst(plan);
    if (plan->denied) {
        plan->arriving = 0;
        plan->nr_functions = 0;
    }
    while (plan->arriving == 0 && plan->nr_functions > 0)
        draw_function(plan);
    if (plan->arriving > 0 && nr_held < workload_spec_chunks(&plan->spec)) {
        plan->arriving--;
        plan->cursor++;
        return (struct workload_step){.action = WORKLOAD_ALLOC, .leaves = plan->leaves};
    }
    plan->arriving = 0;
    plan->nr_functions = 0;
    if (plan->tick >= plan->spec.nr_ticks && nr_held == 0)
        return step_to(WORKLOAD_DONE, 0);
    return end_tick(plan);
}

static struct workload_step next_verify(struct workload_plan *plan, u64 nr_held)
{
    if (plan->phase == VERIFY_FILL) {
        if (plan->tick >= plan->spec.nr_ticks)
            return step_to(WORKLOAD_DONE, 0);
        if (nr_held < workload_spec_chunks(&plan->spec) && !plan->denied)
            return step_to(WORKLOAD_ALLOC, 0);
        plan->phase = VERIFY_CHECK;
        plan->cursor = 0;
    }
    if (plan->phase == VERIFY_CHECK) {
        if (plan->cursor < nr_held)
            return step_to(WORKLOAD_CHECK, plan->cursor++);
        plan->phase = VERIFY_FREE;
    }
    if (nr_held > 0)
        return step_to(WORKLOAD_FREE, nr_held - 1);
    plan->phase = VERIFY_FILL;
    return end_tick(plan);
}

struct workload_step workload_plan_next(struct workload_plan *plan,
                                        const struct workload_chunk *chunks, u64 nr_held)
{
    switch (plan->spec.kind) {
    case WORKLOAD_RANDOM:
        return next_random(plan, nr_held);
    case WORKLOAD_BURSTS:
        return next_burst(plan, chunks, nr_held);
    case WORKLOAD_VERIFY:
        return next_verify(plan, nr_held);
    default:
        return next_level(plan, nr_held);
    }
}

u64 workload_plan_target(const struct workload_plan *plan, u64 nr_held)
{
    switch (plan->spec.kind) {
    case WORKLOAD_BURSTS:
        return nr_held;
    case WORKLOAD_RANDOM:
        return plan->phase == RANDOM_FILL ? workload_spec_chunks(&plan->spec)
                                          : thinned(&plan->spec);
    default:
        return level(plan);
    }
}

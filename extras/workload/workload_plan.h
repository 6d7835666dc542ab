/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a workload does next: a function of its spec and of what it holds.
 *
 * Pure and deterministic: the same seed gives the same allocations and frees
 * in the same order, in Tide and in the Linux guest. The caller owns the
 * table of chunks: an allocation appends one, a free moves the last one to the place
 * that became empty. Time is in ticks; how long a tick lasts is the runner's affair.
 */
#ifndef TIDE_EXTRAS_WORKLOAD_WORKLOAD_PLAN_H
#define TIDE_EXTRAS_WORKLOAD_WORKLOAD_PLAN_H

#include "extras/workload/workload_spec.h"

/* One allocation that is held. */
struct workload_chunk {
    u64 place;  /* the runner's: where it is */
    u32 number; /* counts the allocations of the run; part of the pattern */
    u32 leaves; /* bursts: the tick at which its function leaves */
};

enum workload_action {
    WORKLOAD_ALLOC, /* one chunk; it leaves at `leaves` */
    WORKLOAD_FREE,  /* the chunk at `index` */
    WORKLOAD_CHECK, /* the chunk at `index`, which stays held */
    WORKLOAD_WAIT,  /* nothing more in this tick */
    WORKLOAD_DONE,  /* nothing more at all; what is held stays held */
};

struct workload_step {
    enum workload_action action;
    u32 leaves;
    u64 index;
};

struct workload_plan {
    struct workload_spec spec;
    u64 random;       /* the generator's state */
    u64 nr_wanted;    /* steady: chunks that it holds */
    u64 tick;         /* ticks that have ended */
    unsigned phase;   /* of random and verify */
    u64 cursor;       /* random: swaps left in this tick; bursts, verify: chunks looked at */
    u64 arriving;     /* bursts: chunks that the present function still wants */
    u64 nr_functions; /* bursts: functions of this burst still to come */
    u32 leaves;       /* bursts: when the present function leaves */
    bool arrived;     /* bursts: this tick's burst was drawn */
    bool denied;      /* an allocation failed in this tick: do not try again */
};

void workload_plan_init(struct workload_plan *plan, const struct workload_spec *spec);

/* The next step, given what is held. Each call draws on the plan: carry the step out. */
struct workload_step workload_plan_next(struct workload_plan *plan,
                                        const struct workload_chunk *chunks, u64 nr_held);

/* steady: hold `bytes` from the next step on, in whole chunks, at most the size of its spec.
 * E_INVAL where that is more, or the kind is another one. */
must_check int workload_plan_want(struct workload_plan *plan, u64 bytes);

/* The last WORKLOAD_ALLOC failed. */
void workload_plan_denied(struct workload_plan *plan);

/* The chunks the workload would hold now if memory were there; bursts: what it holds. */
u64 workload_plan_target(const struct workload_plan *plan, u64 nr_held);

/*
 * Whether the chunk with that number is movable, and whether it then refuses to be
 * moved: by the seed, and without a draw, so that the same steps follow whatever the shares are.
 */
bool workload_is_movable(const struct workload_spec *spec, u32 number);
bool workload_refuses(const struct workload_spec *spec, u32 number);

/* The word that belongs at `word` of `page` of the chunk with that number. */
u64 workload_pattern(u64 seed, u32 number, u64 page, u64 word);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What to ask the device next: the policy of the driver. No I/O; all that is kept between two calls
 * is the planner.
 *
 * The aim is the fewest requests: the longest runs, each as long as one request can be. Of equal
 * ones growing takes the lowest, shrinking the highest. Blocks in doubt count as plugged when
 * growing and as unplugged when shrinking: whatever they turn out to be, the plugged size never
 * passes the requested size in either direction.
 *
 * A survey counts the runs by length. If none is enough by itself, a sweep takes those that are
 * long enough, in the order of their addresses, until the goal is reached. So a resize looks at
 * each run twice, however many requests it takes, and no call looks at more runs than its budget.
 */
#ifndef VMEM_MEM_PLAN_H
#define VMEM_MEM_PLAN_H

#include "block_map.h"

enum vmem_action {
    VMEM_ACTION_NOTHING,
    VMEM_ACTION_SURVEY, /* the budget is spent: ask again with a new one */
    VMEM_ACTION_PLUG,
    VMEM_ACTION_UNPLUG,
    VMEM_ACTION_OFFLINE,    /* all online blocks are idle: take the run offline, for UNPLUG ALL */
    VMEM_ACTION_UNPLUG_ALL, /* all were taken offline */
};

/* Why there is nothing to do although plugged and requested size differ. */
enum vmem_shortfall {
    VMEM_SHORT_OF_NOTHING,
    VMEM_SHORT_OF_IDLE,   /* all blocks that could go have pages in use */
    VMEM_SHORT_OF_USABLE, /* no unplugged block is left in the usable region */
};

struct vmem_plan {
    enum vmem_action action;
    struct vmem_run run;           /* PLUG, UNPLUG, OFFLINE: at most goal.run_limit blocks */
    enum vmem_shortfall shortfall; /* NOTHING only */
    uint64_t short_blocks;         /* how many blocks the shortfall is */
};

/* What is to be reached. */
struct vmem_goal {
    uint64_t nr_blocks;     /* plugged */
    uint64_t usable_blocks; /* the usable region: only blocks below can be named in requests */
    uint64_t run_limit;     /* how many one request may name; at most 65,535 */
    bool is_for_good;       /* nr_blocks is 0, and only UNPLUG ALL will do */
};

/* Runs are counted by length: up to 15 blocks exactly, longer ones to an eighth. */
#define VMEM_LENGTH_CLASSES 112u

enum vmem_planner_phase {
    VMEM_PLANNER_NEW,
    VMEM_PLANNER_SURVEY,
    VMEM_PLANNER_SWEEP,
    VMEM_PLANNER_GATHER, /* taking all blocks offline, for UNPLUG ALL */
};

/* All zero to begin with. */
struct vmem_planner {
    enum vmem_planner_phase phase;
    bool grows;
    uint64_t budget;     /* how many runs may still be looked at; the caller refills it */
    uint64_t from;       /* the next block to look at */
    uint64_t nr_blocks;  /* the survey: in all runs */
    uint64_t nr_runs;    /* in the usable region */
    struct vmem_run fit; /* the best run that is enough by itself; 0 blocks: none is */
    uint32_t nr_of_class[VMEM_LENGTH_CLASSES];
    unsigned least_class;    /* the sweep takes all runs of higher classes, */
    uint64_t nr_of_least;    /* and so many more of this one, */
    uint64_t nr_passed_over; /* after so many that it does not take */
};

/*
 * The first maximal run of online blocks without a page in use, at or after
 * `from` and below `to`, cut at both; false if there is none. next_idle() of the
 * memory operations, in block numbers.
 */
struct vmem_idle_source {
    bool (*next)(void *context, uint64_t from, uint64_t to, struct vmem_run *idle);
    void *context;
};

/* Decide. Looks at planner->budget runs at most. */
void vmem_plan_next(struct vmem_planner *planner, const struct vmem_goal *goal,
                    const struct vmem_block_map *map, const struct vmem_idle_source *idle,
                    struct vmem_plan *plan);

/* The requested size, the usable region or an answer is not as it was planned for: begin anew. */
void vmem_plan_forget(struct vmem_planner *planner);

#endif

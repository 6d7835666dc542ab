/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy; see the header. No I/O and no state: the same inputs give the
 * same plan.
 */
#include "plan.h"

/* The idle runs of the region, as the choice needs them. */
struct idle_survey {
    struct vmem_run highest_fit; /* the highest run that covers the whole need */
    struct vmem_run largest;     /* the highest of the largest */
    uint64_t nr_blocks;
    uint64_t nr_runs;
};

/*
 * virtio 1.4, "Memory Device: Device Operation": plug requests must stay
 * inside the usable region. The lowest run that covers the need, else the
 * lowest of the largest.
 */
static void plan_plug(const struct vmem_block_map *map, uint64_t usable_blocks, uint64_t need,
                      struct vmem_plan *plan)
{
    uint64_t wanted = vmem_min(need, VIRTIO_MEM_NB_BLOCKS_MAX);
    struct vmem_run best = {0, 0};
    struct vmem_run run;
    for (uint64_t from = 0; best.nr_blocks < wanted; from = run.first + run.nr_blocks) {
        if (!vmem_map_next(map, VMEM_BLOCK_UNPLUGGED, from, usable_blocks, &run))
            break;
        if (run.nr_blocks > best.nr_blocks)
            best = run;
    }
    if (best.nr_blocks == 0) {
        plan->shortfall = VMEM_SHORT_OF_USABLE;
        plan->short_blocks = need;
        return;
    }
    plan->action = VMEM_ACTION_PLUG;
    plan->run = (struct vmem_run){best.first, vmem_min(best.nr_blocks, wanted)};
}

static void survey_idle(const struct vmem_idle_source *idle, uint64_t to, uint64_t wanted,
                        struct idle_survey *survey)
{
    *survey = (struct idle_survey){0};
    struct vmem_run run;
    for (uint64_t from = 0; idle->next(idle->context, from, to, &run);
         from = run.first + run.nr_blocks) {
        if (run.nr_blocks >= wanted)
            survey->highest_fit = run;
        if (run.nr_blocks >= survey->largest.nr_blocks)
            survey->largest = run;
        survey->nr_blocks += run.nr_blocks;
        survey->nr_runs++;
    }
}

/* Whether to give everything back at once: only where that saves requests, for it shrinks the
 * usable region too, or where nothing else reaches the blocks. */
static bool is_unplug_all_better(const struct vmem_config *config, const struct vmem_block_map *map,
                                 uint64_t usable_blocks, const struct vmem_idle_source *idle)
{
    if (config->requested_bytes != 0 || map->nr_in_doubt != 0)
        return false;
    struct idle_survey all;
    survey_idle(idle, map->nr_blocks, 1, &all);
    if (all.nr_blocks != map->nr_online)
        return false;
    bool one_request_does = all.nr_runs == 1 && all.nr_blocks <= VIRTIO_MEM_NB_BLOCKS_MAX &&
                            all.largest.first + all.nr_blocks <= usable_blocks;
    return !one_request_does;
}

/*
 * The top of the highest idle run that covers the excess, else of the
 * largest. Blocks above a usable region that shrank can only leave by
 * UNPLUG ALL: the device answers ERROR to any other request for them.
 */
static void plan_unplug(const struct vmem_config *config, const struct vmem_block_map *map,
                        uint64_t usable_blocks, const struct vmem_idle_source *idle,
                        uint64_t excess, struct vmem_plan *plan)
{
    if (is_unplug_all_better(config, map, usable_blocks, idle)) {
        plan->action = VMEM_ACTION_UNPLUG_ALL;
        return;
    }
    uint64_t wanted = vmem_min(excess, VIRTIO_MEM_NB_BLOCKS_MAX);
    struct idle_survey survey;
    survey_idle(idle, usable_blocks, wanted, &survey);
    struct vmem_run from = survey.highest_fit.nr_blocks ? survey.highest_fit : survey.largest;
    if (from.nr_blocks == 0) {
        plan->shortfall = VMEM_SHORT_OF_IDLE;
        plan->short_blocks = excess;
        return;
    }
    uint64_t nr_blocks = vmem_min(from.nr_blocks, wanted);
    plan->action = VMEM_ACTION_UNPLUG;
    plan->run = (struct vmem_run){from.first + from.nr_blocks - nr_blocks, nr_blocks};
}

void vmem_plan_next(const struct vmem_config *config, const struct vmem_block_map *map,
                    const struct vmem_idle_source *idle, struct vmem_plan *plan)
{
    *plan = (struct vmem_plan){.action = VMEM_ACTION_NOTHING};
    uint64_t requested = config->requested_bytes / config->block_bytes;
    uint64_t usable = vmem_min(config->usable_bytes / config->block_bytes, map->nr_blocks);
    if (map->nr_online + map->nr_in_doubt < requested)
        plan_plug(map, usable, requested - map->nr_online - map->nr_in_doubt, plan);
    else if (map->nr_online > requested)
        plan_unplug(config, map, usable, idle, map->nr_online - requested, plan);
}

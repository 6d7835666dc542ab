/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For harnesses of the driver's machine: any valid device of up to PROOF_BLOCKS blocks, with any
 * requests in flight; a host's device that answers what it likes; and memory operations that do
 * what include/vmem/memory.h says.
 *
 * proof_is_valid() is the invariant that these proofs share, and says once what they are for. Each
 * begins in any state of which it holds, and proves it of the state that is left behind. Sets of
 * blocks are bits of a word.
 */
#ifndef TIDE_TESTS_PROOFS_MACHINE_H
#define TIDE_TESTS_PROOFS_MACHINE_H

#include "drivers/virtio/mem/device.h"
#include "tests/proofs/blocks.h"
#include "tests/proofs/vmem_host.h"

#define PROOF_BYTES ((uint64_t)2 << 20) /* of a block */
#define PROOF_BASE  ((uint64_t)4 << 30) /* of the region */

/* What the driver's own data does not say. Requests of one kind stand for each other: which of
 * these blocks are named together is told only when an answer comes. */
static struct {
    blocks_t used;    /* blocks that the allocator has */
    blocks_t plugged; /* acknowledged as plugged, by PLUG or by STATE, and not given back since */
    blocks_t plug;    /* named by a PLUG in flight */
    blocks_t unplug;  /* by an UNPLUG */
    blocks_t probe;   /* by a STATE of blocks in doubt */
    blocks_t compare; /* by a STATE of others */
    bool all;         /* UNPLUG ALL is in flight */
} proof;

static struct vmem_virtio proof_virtio;
static struct vmem_device proof_vmem;

/* ---- runs ---- */

static inline struct vmem_run any_run(void)
{
    uint8_t first = nondet_u8(), nr_blocks = nondet_u8();
    ASSUME(first < proof_vmem.map.nr_blocks && nr_blocks >= 1 &&
           nr_blocks <= proof_vmem.map.nr_blocks - first);
    return (struct vmem_run){first, nr_blocks};
}

static inline struct vmem_run run_at(uint64_t base, uint64_t bytes)
{
    PROVE(base >= PROOF_BASE && base % PROOF_BYTES == 0 && bytes % PROOF_BYTES == 0);
    struct vmem_run run = {(base - PROOF_BASE) / PROOF_BYTES, bytes / PROOF_BYTES};
    PROVE(run.nr_blocks >= 1 && run.nr_blocks <= proof_vmem.map.nr_blocks &&
          run.first <= proof_vmem.map.nr_blocks - run.nr_blocks);
    return run;
}

static inline struct vmem_range range_of(struct vmem_run run)
{
    return (struct vmem_range){PROOF_BASE + run.first * PROOF_BYTES, run.nr_blocks * PROOF_BYTES};
}

/* ---- the invariant ---- */

static inline bool is_map_valid(void)
{
    const struct vmem_block_map *map = &proof_vmem.map;
    return (proof_online & proof_in_doubt) == 0 &&
           is_in(proof_online | proof_in_doubt, blocks_of((struct vmem_run){0, map->nr_blocks})) &&
           map->nr_online == count_of(proof_online) && map->nr_in_doubt == count_of(proof_in_doubt);
}

/* Each request names a block at least. */
static inline bool is_number_valid(void)
{
    unsigned nr_named = count_of(proof.plug) + count_of(proof.unplug) + count_of(proof.probe) +
                        (proof.compare != 0) + proof.all;
    unsigned nr_in_flight = proof_vmem.requests.nr_in_flight;
    return (nr_in_flight != 0) == (nr_named != 0) && nr_in_flight <= nr_named;
}

/* Each block is named once at most, and is in doubt, but where it is only compared. */
static inline bool are_requests_valid(void)
{
    blocks_t named = proof.plug | proof.unplug | proof.probe;
    bool is_alone = proof.compare != 0 || proof.all;
    return is_number_valid() && is_in(named, proof_in_doubt) &&
           is_in(proof.unplug, proof.plugged) && (proof.plug & proof.unplug) == 0 &&
           ((proof.plug | proof.unplug) & proof.probe) == 0 && are_alike(proof.compare) &&
           (proof.compare & proof_in_doubt) == 0 &&
           (!is_alone || (named == 0 && proof_vmem.requests.nr_in_flight == 1)) &&
           (!proof.all || proof_online == 0);
}

/* What may be in flight in each state, and what is known of the blocks. */
static inline bool is_state_valid(void)
{
    blocks_t online = proof_online, in_doubt = proof_in_doubt;
    bool is_any = proof_vmem.requests.nr_in_flight != 0;
    switch (proof_vmem.state) {
    case VMEM_STATE_STARTING:
        return online == 0 && !is_any;
    case VMEM_STATE_RELEASING:
        return online == 0 && is_any == proof.all;
    case VMEM_STATE_PROBING:
        return proof_vmem.requests.nr_in_flight <= 1 && proof.plug == 0 && !proof.all &&
               proof_vmem.probe.limit >= 1 && proof_vmem.probe.limit <= VIRTIO_MEM_NB_BLOCKS_MAX;
    case VMEM_STATE_TRACKING:
    case VMEM_STATE_MIGRATING:
        return (proof.probe | proof.compare) == 0 &&
               (!proof.all || is_in(in_doubt, proof.plugged)) &&
               (proof_vmem.state == VMEM_STATE_TRACKING || !proof_vmem.probe.is_wanted);
    default: /* requests in flight are forgotten at the reset that follows */
        return true;
    }
}

/* What the target becomes at the next look, if nothing changes. */
static inline uint64_t next_target(void)
{
    uint64_t limit = proof_vmem.options.memory_limit;
    if (proof_vmem.is_detaching)
        return 0;
    return limit == 0 ? proof_vmem.config.requested_bytes
                      : vmem_min(proof_vmem.config.requested_bytes, limit - limit % PROOF_BYTES);
}

/* Gathering for UNPLUG ALL: what is in doubt is plugged for certain, and nothing is wanted, or
 * something is online that says so. */
static inline bool is_plan_valid(void)
{
    return proof_vmem.planner.phase != VMEM_PLANNER_GATHER ||
           (vmem_is_tracking(&proof_vmem) && proof_vmem.requests.nr_in_flight == 0 &&
            is_in(proof_in_doubt, proof.plugged) && (proof_online != 0 || next_target() == 0));
}

static inline bool is_size_valid(uint64_t bytes)
{
    return bytes % PROOF_BYTES == 0 && bytes <= proof_vmem.map.nr_blocks * PROOF_BYTES;
}

/*
 * A block that the allocator uses was acknowledged, and not given back since. It is online in the
 * map, and no request in flight changes it. A device that broke its word about pages in use is
 * broken, and not asked any more.
 */
static inline bool proof_is_valid(void)
{
    if (proof_vmem.state >= VMEM_NR_STATES || !is_map_valid() || proof.used != proof_online)
        return false;
    if (!is_size_valid(proof_vmem.config.usable_bytes) ||
        !is_size_valid(proof_vmem.config.requested_bytes) ||
        !is_size_valid(proof_vmem.target_bytes) ||
        proof_vmem.target_bytes > proof_vmem.config.requested_bytes)
        return false;
    if (proof_virtio.broken || proof_vmem.state == VMEM_STATE_BROKEN)
        return true;
    return is_in(proof.used, proof.plugged) && are_requests_valid() && is_state_valid() &&
           is_plan_valid();
}

/* Where the machine leaves the word to vmem_track(). */
static inline bool proof_may_track(const struct vmem_device *vmem)
{
    return vmem_is_tracking(vmem) && vmem->requests.nr_in_flight == 0 && !vmem->virtio->broken &&
           !vmem->probe.is_wanted && vmem->target_bytes == next_target() &&
           (vmem->map.nr_in_doubt == 0 || vmem->planner.phase == VMEM_PLANNER_GATHER);
}

void vmem_plan_forget(struct vmem_planner *planner)
{
    planner->phase = VMEM_PLANNER_NEW;
}

#include "tests/proofs/machine_device.h"
#include "tests/proofs/machine_memory.h"

/* Any device in any valid state. */
static inline struct vmem_device *any_device(void)
{
    struct vmem_device any;
    struct vmem_virtio any_virtio;
    proof_vmem = any;
    proof_virtio = any_virtio;
    proof_virtio.ops = &proof_transport;
    proof_virtio.broken = nondet_bool();
    proof_vmem.virtio = &proof_virtio;
    proof_vmem.options.memory = &proof_memory;
    proof_vmem.config.block_bytes = PROOF_BYTES;
    proof_vmem.config.region_base = PROOF_BASE;
    proof_vmem.is_detaching = nondet_bool();
    proof_online = nondet_u8();
    proof_in_doubt = nondet_u8();
    proof_vmem.state = nondet_u8() % VMEM_NR_STATES;
    proof_vmem.planner.phase = nondet_u8() % (VMEM_PLANNER_GATHER + 1);
    proof_vmem.wait.reason = nondet_u8() % VMEM_NR_WAIT_REASONS;
    proof_vmem.migrate.trouble = nondet_u8() % VMEM_NR_WAIT_REASONS;
    proof_vmem.due.look = nondet_u8() % (VMEM_LOOK_ALL + 1);
    proof_vmem.options.init = nondet_u8() % 2;
    proof_vmem.options.irq_mode = VMEM_IRQ_AUTO;
    proof_virtio.irq_mode = nondet_bool() ? VMEM_IRQ_POLL : VMEM_IRQ_MSIX;
    ASSUME(proof_vmem.map.nr_blocks >= 1 && proof_vmem.map.nr_blocks <= PROOF_BLOCKS);
    proof_vmem.config.region_bytes = proof_vmem.map.nr_blocks * PROOF_BYTES;
    proof.used = nondet_u8();
    proof.plugged = nondet_u8();
    proof.plug = nondet_u8();
    proof.unplug = nondet_u8();
    proof.probe = nondet_u8();
    proof.compare = nondet_u8();
    proof.all = nondet_bool();
    ASSUME(proof_is_valid());
    return &proof_vmem;
}

#endif

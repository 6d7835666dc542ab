/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PROBING: asking by STATE requests what blocks are.
 *
 * One cursor goes through the usable region. It stops at the blocks in doubt: those that an earlier
 * driver left plugged, and those named in requests without a known end. Or it compares all blocks
 * with the block map, for the user's verify command and for a plugged_size that is not what the map
 * says; then it asks about each run of the map in turn, so a pass costs as many requests as the
 * region has runs. A run that is not as in the map is in doubt, and asked about once more; but
 * pages in use on blocks that the device calls unplugged are lost, and the device is broken.
 */
#include "device.h"

#include "../core/text.h"

void vmem_probe_doubt(struct vmem_device *vmem, enum vmem_event event)
{
    /* A comparison that the user asked for, and a reset or sleep cut short, begins anew. */
    bool is_wanted = vmem->probe.is_wanted || vmem->probe.is_for_user;
    vmem->probe = (struct vmem_probe){.is_wanted = is_wanted, .limit = VIRTIO_MEM_NB_BLOCKS_MAX};
    vmem_enter(vmem, VMEM_STATE_PROBING, event);
}

void vmem_probe_all(struct vmem_device *vmem, bool is_for_user, enum vmem_event event)
{
    vmem->probe = (struct vmem_probe){
        .is_for_user = is_for_user, .compares = true, .limit = VIRTIO_MEM_NB_BLOCKS_MAX};
    vmem_enter(vmem, VMEM_STATE_PROBING, event);
}

/* The next run to ask about, of blocks that are alike in the map. */
static bool next_run(const struct vmem_device *vmem, uint64_t usable, struct vmem_run *run)
{
    const struct vmem_probe *probe = &vmem->probe;
    if (probe->next >= usable)
        return false;
    if (!probe->compares)
        return vmem_map_next(&vmem->map, VMEM_BLOCK_IN_DOUBT, probe->next, usable, run);
    return vmem_map_next(&vmem->map, vmem_map_get(&vmem->map, probe->next), probe->next, usable,
                         run);
}

/* Nothing is left to ask. */
static void end(struct vmem_device *vmem)
{
    struct vmem_probe *probe = &vmem->probe;
    if (probe->compares && (probe->is_for_user || probe->nr_corrected != 0))
        vmem_log(VMEM_LOG_INFO, vmem->name, "verify blocks=%llu corrected=%llu requests=%llu",
                 vmem_llu(probe->next), vmem_llu(probe->nr_corrected),
                 vmem_llu(probe->nr_requests));
    probe->compares = probe->is_for_user = false;
    vmem_enter(vmem, VMEM_STATE_TRACKING, VMEM_EVENT_CONFIG);
}

bool vmem_probe_next(struct vmem_device *vmem, uint64_t now_ms)
{
    struct vmem_probe *probe = &vmem->probe;
    uint64_t usable = vmem_usable_blocks(vmem);
    struct vmem_run run;
    /* The usable region shrinks only when everything is unplugged: "Memory Device: Device
     * configuration layout". STATE cannot be asked there, and need not be. */
    while (vmem_map_next(&vmem->map, VMEM_BLOCK_IN_DOUBT, usable, vmem->map.nr_blocks, &run))
        vmem_map_set(&vmem->map, run, VMEM_BLOCK_UNPLUGGED);
    if (!next_run(vmem, usable, &run)) {
        if (vmem->map.nr_in_doubt == 0) {
            end(vmem);
            return true;
        }
        /* What came in doubt behind the cursor. */
        (void)vmem_map_next(&vmem->map, VMEM_BLOCK_IN_DOUBT, 0, usable, &run);
    }
    run.nr_blocks = vmem_min(run.nr_blocks, probe->limit);
    bool compares = vmem_map_get(&vmem->map, run.first) != VMEM_BLOCK_IN_DOUBT;
    const struct vmem_request request = {VIRTIO_MEM_REQ_STATE,
                                         compares ? VMEM_PURPOSE_COMPARE : VMEM_PURPOSE_PROBE, run};
    if (!vmem_send(vmem, &request, now_ms))
        return false;
    probe->nr_requests += compares;
    vmem_publish(vmem);
    return true;
}

/*
 * Where a run is mixed, ask about its first half, rounded down; where it is not, go on behind it
 * with twice the length. Each answer settles blocks or halves the question, so any count, odd or
 * even, ends in single blocks at the latest.
 */
static void halve(struct vmem_device *vmem, struct vmem_run run)
{
    vmem->probe.limit = run.nr_blocks / 2;
}

static void go_on_behind(struct vmem_device *vmem, struct vmem_run run)
{
    vmem->probe.next = vmem_max(vmem->probe.next, run.first + run.nr_blocks);
    vmem->probe.limit = vmem_min(vmem->probe.limit * 2, VIRTIO_MEM_NB_BLOCKS_MAX);
}

/* Plugged, and the allocator may not be able to take it: then it goes back to the device. */
static void settle_plugged(struct vmem_device *vmem, struct vmem_run run, uint64_t now_ms)
{
    const struct vmem_request give_back = {VIRTIO_MEM_REQ_UNPLUG, VMEM_PURPOSE_GIVE_BACK, run};
    if (!vmem_bring_online(vmem, run, now_ms) && vmem_send(vmem, &give_back, now_ms))
        vmem_publish(vmem);
}

/* The blocks were in doubt. */
static void settle(struct vmem_device *vmem, struct vmem_run run, enum virtio_mem_state state,
                   uint64_t now_ms)
{
    if (state == VIRTIO_MEM_STATE_MIXED && run.nr_blocks == 1) {
        vmem_virtio_break(vmem->virtio, "it says that block %llu alone is in a mixed state",
                          vmem_llu(run.first));
        return;
    }
    if (state == VIRTIO_MEM_STATE_MIXED) {
        halve(vmem, run);
        return;
    }
    go_on_behind(vmem, run);
    if (state == VIRTIO_MEM_STATE_UNPLUGGED)
        vmem_map_set(&vmem->map, run, VMEM_BLOCK_UNPLUGGED);
    else
        settle_plugged(vmem, run, now_ms);
}

/* The blocks were alike in the map. */
static void compare(struct vmem_device *vmem, struct vmem_run run, enum virtio_mem_state state)
{
    const struct vmem_options *options = &vmem->options;
    bool is_online = vmem_map_get(&vmem->map, run.first) == VMEM_BLOCK_ONLINE;
    unsigned long long last = vmem_llu(run.first + run.nr_blocks - 1);

    if (state == (is_online ? VIRTIO_MEM_STATE_PLUGGED : VIRTIO_MEM_STATE_UNPLUGGED)) {
        go_on_behind(vmem, run);
        return;
    }
    /* Some of it is there: only what is not may be called lost, so ask about the first half. */
    if (is_online && state == VIRTIO_MEM_STATE_MIXED && run.nr_blocks > 1) {
        halve(vmem, run);
        return;
    }
    if (is_online &&
        options->memory->offline(options->memory_context, vmem_block_address(vmem, run.first),
                                 vmem_run_bytes(vmem, run)) != VMEM_OK) {
        vmem_virtio_break(vmem->virtio,
                          "it says that blocks %llu to %llu are not all plugged, and pages there "
                          "are in use",
                          vmem_llu(run.first), last);
        return;
    }
    vmem_log(VMEM_LOG_WARNING, vmem->name,
             "blocks %llu to %llu are not as they should be: asking again", vmem_llu(run.first),
             last);
    vmem->probe.nr_corrected += run.nr_blocks;
    vmem_map_set(&vmem->map, run, VMEM_BLOCK_IN_DOUBT);
}

void vmem_probe_reply(struct vmem_device *vmem, const struct vmem_reply *reply, uint64_t now_ms)
{
    if (reply->request.purpose == VMEM_PURPOSE_PROBE)
        settle(vmem, reply->request.run, reply->state, now_ms);
    else
        compare(vmem, reply->request.run, reply->state);
}

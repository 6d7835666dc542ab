/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The statistics queue: one buffer that the device keeps until it wants fresh statistics, and gives
 * back to ask for them. See device.h.
 */
#include "device.h"

#define ASKED_MAX 8 /* in a call: a host asks each second at most */

static void write_stat(struct virtio_balloon_stat_abi *stat, enum virtio_balloon_tag tag,
                       uint64_t value)
{
    stat->tag = vmem_to_le16((uint16_t)tag);
    stat->val = vmem_to_le64(value);
}

int vmem_balloon_stats_offer(struct vmem_balloon *balloon)
{
    const struct vmem_balloon_options *options = &balloon->options;
    struct vmem_balloon_stats *stats = &balloon->stats;
    struct vmem_balloon_statistics now = {0};
    const struct virtqueue_piece piece = {stats->stats_address,
                                          VIRTIO_BALLOON_STATS * sizeof(*stats->stats)};
    if (!stats->queue)
        return VMEM_OK;
    options->ops->statistics(options->ops_context, &now);
    uint64_t held = balloon->pages.nr_pages << VIRTIO_BALLOON_PAGE_SHIFT;
    write_stat(&stats->stats[0], VIRTIO_BALLOON_S_MEMFREE, now.free_bytes);
    write_stat(&stats->stats[1], VIRTIO_BALLOON_S_MEMTOT,
               now.total_bytes - vmem_min(held, now.total_bytes));
    write_stat(&stats->stats[2], VIRTIO_BALLOON_S_AVAIL, now.available_bytes);
    int status = vmem_queue_add(stats->queue, &piece, 1, 0, stats);
    if (status == VMEM_OK)
        vmem_queue_publish(stats->queue);
    return status;
}

int vmem_balloon_stats_serve(struct vmem_balloon *balloon)
{
    struct virtqueue_used used;
    for (unsigned i = 0; balloon->stats.queue && i < ASKED_MAX; i++) {
        int status = vmem_queue_take_used(balloon->stats.queue, &used);
        if (status == VMEM_E_AGAIN)
            return VMEM_OK;
        if (status == VMEM_OK)
            status = vmem_balloon_stats_offer(balloon);
        if (status != VMEM_OK)
            return status;
    }
    if (!balloon->stats.queue)
        return VMEM_OK;
    vmem_virtio_break(balloon->virtio, "it asks for statistics without end");
    return VMEM_E_BROKEN;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Idle memory goes to the device as ranges, and is out of use until the device has used the
 * buffers (B27). Free page reporting: one list of ranges that the device may throw away. See
 * device.h.
 */
#include "device.h"

/* The longest ranges first (B28) is the kernel's to choose: it is asked for as much as fits. */
static void take_idle(struct vmem_balloon *balloon, struct vmem_balloon_idle *idle, bool is_hint)
{
    const struct vmem_balloon_options *options = &balloon->options;
    uint64_t most = vmem_min(VMEM_BALLOON_IDLE_RUNS, vmem_queue_size(idle->queue));
    uint64_t left = VMEM_BALLOON_IDLE_BYTES;
    while (left != 0 && idle->nr_runs < most) {
        struct vmem_range *run = &idle->runs[idle->nr_runs];
        if (!options->ops->take_idle(options->ops_context, idle->next, left, is_hint, run))
            break;
        VMEM_ASSERT(run->base >= idle->next && run->bytes != 0 && run->bytes <= left &&
                    vmem_is_aligned(run->base | run->bytes, VIRTIO_BALLOON_PAGE_BYTES));
        left -= run->bytes;
        idle->next = run->base + run->bytes;
        idle->nr_runs++;
    }
}

int vmem_balloon_idle_send(struct vmem_balloon *balloon, struct vmem_balloon_idle *idle,
                           bool is_hint)
{
    struct virtqueue_piece pieces[VMEM_BALLOON_IDLE_RUNS];
    int status = VMEM_OK;
    take_idle(balloon, idle, is_hint);
    unsigned step = is_hint ? 1 : idle->nr_runs;
    for (unsigned i = 0; i < idle->nr_runs; i++)
        pieces[i] = (struct virtqueue_piece){idle->runs[i].base, (uint32_t)idle->runs[i].bytes};
    for (unsigned i = 0; i < idle->nr_runs && status == VMEM_OK; i += step)
        status = vmem_queue_add(idle->queue, pieces + i, 0, step, idle);
    if (status == VMEM_OK)
        vmem_queue_publish(idle->queue);
    return status;
}

void vmem_balloon_idle_end(struct vmem_balloon *balloon, struct vmem_balloon_idle *idle,
                           bool was_told)
{
    const struct vmem_balloon_options *options = &balloon->options;
    for (unsigned i = 0; i < idle->nr_runs; i++) {
        const struct vmem_range *run = &idle->runs[i];
        options->ops->give_idle(options->ops_context, run->base, run->bytes, was_told);
        balloon->given_pages += run->bytes >> VIRTIO_BALLOON_PAGE_SHIFT;
    }
    idle->nr_runs = 0;
}

int vmem_balloon_idle_collect(struct vmem_balloon *balloon, struct vmem_balloon_idle *idle)
{
    struct virtqueue_used used;
    int status = VMEM_OK;
    while (status == VMEM_OK && idle->queue && vmem_queue_outstanding(idle->queue) != 0)
        status = vmem_queue_take_used(idle->queue, &used);
    if (status != VMEM_OK)
        return status;
    for (unsigned i = 0; i < idle->nr_runs; i++)
        idle->nr_pages += idle->runs[i].bytes >> VIRTIO_BALLOON_PAGE_SHIFT;
    vmem_balloon_idle_end(balloon, idle, idle == &balloon->report);
    return VMEM_OK;
}

/* ---- reports ---- */

int vmem_balloon_report_serve(struct vmem_balloon *balloon)
{
    struct vmem_balloon_idle *report = &balloon->report;
    for (unsigned i = 0; report->queue; i++) {
        int status = vmem_balloon_idle_collect(balloon, report);
        if (status == VMEM_OK && balloon->wants_report && i < VMEM_BALLOON_ROUNDS_MAX)
            status = vmem_balloon_idle_send(balloon, report, false);
        if (status != VMEM_OK)
            return status == VMEM_E_AGAIN ? VMEM_OK : status;
        if (report->nr_runs != 0)
            continue;
        if (i < VMEM_BALLOON_ROUNDS_MAX) { /* there is no more: the next time from the beginning */
            balloon->wants_report = false;
            report->next = 0;
        }
        break;
    }
    return VMEM_OK;
}

void vmem_balloon_report_idle(struct vmem_balloon *balloon)
{
    balloon->wants_report = balloon->report.queue != NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Free page hinting: a migration need not send what is idle. The host begins a round by a command
 * id; the driver sends this id, then every idle range once, then the id that says stop.
 *
 * A range is out of use until the device has used its buffer, and no longer: from then on what is
 * written to it is sent as any other page (B35, B36). So a round keeps no memory from the guest. It
 * does not come back earlier, either: a host that clears its log of writes as it reads the hint
 * would forget a write from before.
 *
 * The queue is polled: QEMU serves it on a thread of its own, from which it may not raise a line of
 * the 8259, and its balloon has no other interrupt. Under TCG it aborts if it must.
 */
#include "device.h"

static int send_id(struct vmem_balloon_hint *hint, uint32_t id)
{
    const struct virtqueue_piece piece = {hint->id_address, sizeof(*hint->id)}; /* B31 */
    *hint->id = vmem_to_le32(id);
    int status = vmem_queue_add(hint->idle.queue, &piece, 1, 0, hint);
    if (status == VMEM_OK)
        vmem_queue_publish(hint->idle.queue);
    return status;
}

static int begin(struct vmem_balloon_hint *hint, uint32_t id)
{
    hint->begun_id = id;
    hint->is_active = true;
    hint->idle.next = 0;
    return send_id(hint, id);
}

/* More of what is idle; the end of the round when there is no more, or the host has another id. */
static int go_on(struct vmem_balloon *balloon, uint32_t id)
{
    struct vmem_balloon_hint *hint = &balloon->hint;
    int status = VMEM_OK;
    if (hint->begun_id != 0 && id == hint->begun_id)
        status = vmem_balloon_idle_send(balloon, &hint->idle, true);
    if (status != VMEM_OK || hint->idle.nr_runs != 0)
        return status;
    hint->is_active = false;
    return send_id(hint, VIRTIO_BALLOON_CMD_ID_STOP);
}

/* The driver has something to send. */
static bool is_due(const struct vmem_balloon *balloon)
{
    const struct vmem_balloon_hint *hint = &balloon->hint;
    uint32_t id = balloon->config.free_page_hint_cmd_id.raw;
    return hint->is_active || (id > VIRTIO_BALLOON_CMD_ID_DONE && id != hint->begun_id);
}

uint64_t vmem_balloon_hint_due_ms(const struct vmem_balloon *balloon, uint64_t now_ms)
{
    const struct virtqueue *queue = balloon->hint.idle.queue;
    if (queue && vmem_queue_outstanding(queue) != 0)
        return now_ms + VMEM_BALLOON_POLL_MS;
    return queue && is_due(balloon) ? now_ms : VMEM_BALLOON_NEVER;
}

int vmem_balloon_hint_serve(struct vmem_balloon *balloon)
{
    struct vmem_balloon_hint *hint = &balloon->hint;
    uint32_t id = balloon->config.free_page_hint_cmd_id.raw;
    if (id <= VIRTIO_BALLOON_CMD_ID_DONE)
        hint->begun_id = 0;
    for (unsigned i = 0; hint->idle.queue; i++) {
        int status = vmem_balloon_idle_collect(balloon, &hint->idle);
        if (status != VMEM_OK)
            return status == VMEM_E_AGAIN ? VMEM_OK : status;
        if (i == VMEM_BALLOON_ROUNDS_MAX || !is_due(balloon))
            return VMEM_OK;
        status = hint->is_active ? go_on(balloon, id) : begin(hint, id);
        if (status != VMEM_OK)
            return status;
    }
    return VMEM_OK;
}

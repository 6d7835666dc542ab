/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the driver keeps for one balloon device; see ../include/vmem/balloon.h.
 *
 * Which file may call which: attach.c -> service.c -> hint.c -> idle.c; service.c -> statistics.c,
 * transfer.c, pages.c.
 *
 * A page is in one place: the allocator's; in `inflate`, told and not acknowledged; in `pages`; in
 * `deflate`. So no page is deflated before its inflation was acknowledged, and none is used before
 * it is the allocator's again (B9, B11, B12).
 */
#ifndef VMEM_BALLOON_DEVICE_H
#define VMEM_BALLOON_DEVICE_H

#include "../core/virtqueue.h"
#include "../include/vmem/balloon.h"
#include "spec.h"

/* ---- pages.c: what is in the balloon ---- */

/* A run of pages, as take() gave it: its first page number, and how many. */
struct vmem_balloon_run {
    uint32_t first;
    uint32_t nr_pages;
};

/* Page numbers from `from` to below `to`. */
struct vmem_balloon_span {
    uint64_t from;
    uint64_t to;
};

#define VMEM_BALLOON_ANYWHERE ((struct vmem_balloon_span){0, UINT64_MAX})

struct vmem_balloon_chunk;

struct vmem_balloon_pages {
    struct vmem_balloon_chunk *top;   /* a stack; NULL if it is empty */
    struct vmem_balloon_chunk *spare; /* for what vmem_balloon_pages_reserve() promised, or NULL */
    uint64_t nr_pages;
};

/* Make sure that so many runs, at most a chunk's, can be pushed; VMEM_E_NOMEM. */
VMEM_MUST_CHECK int vmem_balloon_pages_reserve(struct vmem_balloon_pages *pages, unsigned nr_runs);

/* There is room: vmem_balloon_pages_reserve() said so. */
void vmem_balloon_pages_push(struct vmem_balloon_pages *pages, struct vmem_balloon_run run);

/* Take out the run that was pushed last of those in the span with at most max_pages pages; false if
 * there is none. O(1) where the last run is one, else O(runs). */
bool vmem_balloon_pages_pop(struct vmem_balloon_pages *pages, uint32_t max_pages,
                            struct vmem_balloon_span span, struct vmem_balloon_run *run);

/* Free the chunks. It is empty. */
void vmem_balloon_pages_free(struct vmem_balloon_pages *pages);

/* ---- transfer.c: one buffer of page numbers on its way ---- */

#define VMEM_BALLOON_RUNS_MAX  256  /* in a buffer */
#define VMEM_BALLOON_PAGES_MAX 4096 /* 16 MiB */

struct vmem_balloon_transfer {
    struct virtqueue *queue; /* NULL while the device is reset */
    vmem_le32 *numbers;      /* DMA memory: we write, the device reads */
    uint64_t numbers_address;
    struct vmem_balloon_run runs[VMEM_BALLOON_RUNS_MAX];
    unsigned nr_runs; /* on their way, or to be sent */
    uint32_t nr_pages;
};

/* Allocate the numbers; VMEM_E_NOMEM. */
VMEM_MUST_CHECK int vmem_balloon_transfer_init(struct vmem_balloon_transfer *transfer);
void vmem_balloon_transfer_free(struct vmem_balloon_transfer *transfer);

/* The device has the buffer, and may read it. */
static inline bool vmem_balloon_transfer_is_sent(const struct vmem_balloon_transfer *transfer)
{
    return transfer->queue && vmem_queue_outstanding(transfer->queue) != 0;
}

static inline bool vmem_balloon_transfer_has_room(const struct vmem_balloon_transfer *transfer)
{
    return transfer->nr_runs < VMEM_BALLOON_RUNS_MAX && transfer->nr_pages < VMEM_BALLOON_PAGES_MAX;
}

/* Put the run, for whose pages there is room, into the buffer. */
void vmem_balloon_transfer_add(struct vmem_balloon_transfer *transfer, struct vmem_balloon_run run);

/* Expose the buffer and notify the device. VMEM_E_BROKEN, and the device is. */
VMEM_MUST_CHECK int vmem_balloon_transfer_send(struct vmem_balloon_transfer *transfer);

/* VMEM_OK if the device has used the buffer; VMEM_E_AGAIN, or VMEM_E_BROKEN. */
VMEM_MUST_CHECK int vmem_balloon_transfer_take(struct vmem_balloon_transfer *transfer);

/* The runs are somewhere else now. */
void vmem_balloon_transfer_empty(struct vmem_balloon_transfer *transfer);

/* ---- statistics.c: what the host asks for ---- */

struct vmem_balloon_stats {
    struct virtqueue *queue;               /* NULL without STATS_VQ, or while the device is reset */
    struct virtio_balloon_stat_abi *stats; /* DMA memory: we write, the device reads */
    uint64_t stats_address;
};

/* Make fresh statistics available: after DRIVER_OK (B17), and when the device has used those
 * before (B18). VMEM_E_BROKEN, and the device is. */
VMEM_MUST_CHECK int vmem_balloon_stats_offer(struct vmem_balloon *balloon);
VMEM_MUST_CHECK int vmem_balloon_stats_serve(struct vmem_balloon *balloon);

/* ---- idle.c: idle memory on its way, to be reported or hinted ---- */

#define VMEM_BALLOON_IDLE_RUNS  32
#define VMEM_BALLOON_IDLE_BYTES ((uint64_t)128 << 20) /* out of use at once */

/* Ranges that are out of use until the device has used all their buffers. */
struct vmem_balloon_idle {
    struct virtqueue *queue; /* NULL without the feature, or while the device is reset */
    struct vmem_range runs[VMEM_BALLOON_IDLE_RUNS];
    unsigned nr_runs;  /* on their way */
    uint64_t next;     /* where the search for more goes on */
    uint64_t nr_pages; /* that the device has acknowledged */
};

/* Take idle memory above `next` out of use, and expose it; nr_runs is 0 if there is none. As one
 * buffer, or with is_hint each range as its own. Nothing is on its way. VMEM_E_BROKEN. */
VMEM_MUST_CHECK int vmem_balloon_idle_send(struct vmem_balloon *balloon,
                                           struct vmem_balloon_idle *idle, bool is_hint);

/* VMEM_OK if the queue is empty: what was on its way is idle again. VMEM_E_AGAIN if the device
 * still has some of it, or VMEM_E_BROKEN. */
VMEM_MUST_CHECK int vmem_balloon_idle_collect(struct vmem_balloon *balloon,
                                              struct vmem_balloon_idle *idle);

/* What is on its way is idle again. was_told: the device has acknowledged a report of it. */
void vmem_balloon_idle_end(struct vmem_balloon *balloon, struct vmem_balloon_idle *idle,
                           bool was_told);

/* Report, as long as there is something to report. VMEM_E_BROKEN. */
VMEM_MUST_CHECK int vmem_balloon_report_serve(struct vmem_balloon *balloon);

/* ---- hint.c: what a migration need not send ---- */

struct vmem_balloon_hint {
    struct vmem_balloon_idle idle; /* the queue takes command ids, too */
    vmem_le32 *id;                 /* DMA memory: we write, the device reads */
    uint64_t id_address;
    uint32_t begun_id; /* of the last round; 0 if the host has ended it */
    bool is_active;    /* begun_id was sent, and the stop that ends the round was not */
};

/* Follow the command id of the config space. VMEM_E_BROKEN. */
VMEM_MUST_CHECK int vmem_balloon_hint_serve(struct vmem_balloon *balloon);

/* When it is to be called again, or VMEM_BALLOON_NEVER. */
uint64_t vmem_balloon_hint_due_ms(const struct vmem_balloon *balloon, uint64_t now_ms);

/* ---- the device ---- */

#define VMEM_BALLOON_POLL_MS    10
#define VMEM_BALLOON_ROUNDS_MAX 4    /* of a call: a device may answer within the notification */
#define VMEM_BALLOON_RETRY_MS   1000 /* when take() gave nothing */
#define VMEM_BALLOON_NAME_BYTES 16

struct vmem_balloon {
    struct vmem_virtio *virtio;
    struct vmem_balloon_options options;
    char name[VMEM_BALLOON_NAME_BYTES];
    enum vmem_balloon_state state;
    struct virtio_balloon_config_abi config; /* as read last; `actual` as written last */
    bool wants_config;                       /* it was not read since DRIVER_OK */
    struct vmem_balloon_pages pages;
    struct vmem_balloon_transfer inflate;
    struct vmem_balloon_transfer deflate;
    struct vmem_balloon_stats stats;
    struct vmem_balloon_idle report;
    bool wants_report; /* there may be idle memory that was not reported */
    struct vmem_balloon_hint hint;
    bool is_short;
    bool is_drained;   /* vmem_balloon_reclaim() took from it: not filled before the next target */
    uint64_t retry_ms; /* while short */
    uint64_t reported_target; /* in pages, of the last line that said so; ~0: none */
    uint64_t inflated_pages;
    uint64_t deflated_pages;
    uint64_t given_pages; /* back to the allocator */
};

static inline void vmem_balloon_give_back(struct vmem_balloon *balloon, struct vmem_balloon_run run)
{
    balloon->given_pages += run.nr_pages;
    balloon->options.ops->give_back(balloon->options.ops_context,
                                    (uint64_t)run.first << VIRTIO_BALLOON_PAGE_SHIFT,
                                    (uint64_t)run.nr_pages << VIRTIO_BALLOON_PAGE_SHIFT);
}

/* service.c: the device has broken its contract, or is gone. It is reset, and every page given
 * back; `reason` goes to the log if vmem_virtio_break() has not said one. */
void vmem_balloon_fail(struct vmem_balloon *balloon, const char *reason);

/* service.c: reset the device and forget its queues; then every page is the allocator's again. The
 * reset's status: without one, what was on its way stays where it is. */
VMEM_MUST_CHECK int vmem_balloon_reset(struct vmem_balloon *balloon);

#endif

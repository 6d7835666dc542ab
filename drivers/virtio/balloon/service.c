/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Following the host's target: one buffer of pages at a time into the balloon, or out of it. See
 * device.h for where a page may be, and docs/virtio-balloon.md for the clauses (B1 ...).
 */
#include "../core/text.h"
#include "../core/virtio_spec.h"
#include "device.h"

static uint64_t target_pages(const struct vmem_balloon *balloon)
{
    return balloon->config.num_pages.raw;
}

/* ---- the end of a device ---- */

static void give_all_back(struct vmem_balloon *balloon, struct vmem_balloon_transfer *transfer)
{
    for (unsigned i = 0; i < transfer->nr_runs; i++)
        vmem_balloon_give_back(balloon, transfer->runs[i]);
    vmem_balloon_transfer_empty(transfer);
}

/* The device cannot reach its queues any more. */
static void release(struct vmem_balloon *balloon)
{
    struct virtqueue **const queues[] = {&balloon->inflate.queue, &balloon->deflate.queue,
                                         &balloon->stats.queue, &balloon->report.queue,
                                         &balloon->hint.idle.queue};
    for (unsigned i = 0; i < VMEM_ARRAY_SIZE(queues); i++) {
        vmem_queue_destroy(*queues[i]);
        *queues[i] = NULL;
    }
    give_all_back(balloon, &balloon->inflate);
    give_all_back(balloon, &balloon->deflate);
    vmem_balloon_idle_end(balloon, &balloon->report, false);
    vmem_balloon_idle_end(balloon, &balloon->hint.idle, false);
}

int vmem_balloon_reset(struct vmem_balloon *balloon)
{
    struct vmem_balloon_run run;
    int status = vmem_virtio_reset(balloon->virtio);
    balloon->virtio->ops->irq_disable(balloon->virtio);
    if (status == VMEM_OK)
        release(balloon);
    /* What the device has acknowledged it has no reason to write to. */
    while (vmem_balloon_pages_pop(&balloon->pages, UINT32_MAX, VMEM_BALLOON_ANYWHERE, &run))
        vmem_balloon_give_back(balloon, run);
    return status;
}

void vmem_balloon_fail(struct vmem_balloon *balloon, const char *reason)
{
    struct vmem_virtio *virtio = balloon->virtio;
    char kept[VIRTIO_REASON_BYTES];
    if (!virtio->broken)
        vmem_virtio_break(virtio, "%s", reason);
    vmem_format(kept, sizeof(kept), "%s", virtio->broken_reason);
    balloon->state = VMEM_BALLOON_BROKEN;
    if (vmem_balloon_reset(balloon) == VMEM_OK) /* which has cleared the reason */
        vmem_format(virtio->broken_reason, sizeof(virtio->broken_reason), "%s", kept);
}

void vmem_balloon_gone(struct vmem_balloon *balloon, const char *reason)
{
    vmem_balloon_fail(balloon, reason);
    release(balloon); /* it does not read 0 after a reset, but it is not there */
}

/* ---- what the device has done ---- */

/* An acknowledged deflation is the allocator's, if it was not before. */
static int collect_deflated(struct vmem_balloon *balloon)
{
    int status = vmem_balloon_transfer_take(&balloon->deflate);
    if (status == VMEM_OK)
        give_all_back(balloon, &balloon->deflate);
    return status == VMEM_E_AGAIN ? VMEM_OK : status;
}

/* And an acknowledged inflation is in the balloon (B12). */
static int collect(struct vmem_balloon *balloon)
{
    int status = vmem_balloon_transfer_take(&balloon->inflate);
    if (status == VMEM_OK) {
        for (unsigned i = 0; i < balloon->inflate.nr_runs; i++)
            vmem_balloon_pages_push(&balloon->pages, balloon->inflate.runs[i]);
        balloon->inflated_pages += balloon->inflate.nr_pages;
        vmem_balloon_transfer_empty(&balloon->inflate);
    } else if (status != VMEM_E_AGAIN) {
        return status;
    }
    return collect_deflated(balloon);
}

/* ---- inflate, deflate ---- */

/* Fill a buffer with pages of the allocator's; false if there is none. */
static bool fill_inflate(struct vmem_balloon *balloon, uint64_t nr_pages)
{
    const struct vmem_balloon_options *options = &balloon->options;
    struct vmem_balloon_transfer *transfer = &balloon->inflate;
    struct vmem_range range;
    if (vmem_balloon_pages_reserve(&balloon->pages, VMEM_BALLOON_RUNS_MAX) != VMEM_OK)
        return false;
    while (transfer->nr_pages < nr_pages && vmem_balloon_transfer_has_room(transfer)) {
        uint64_t max_pages = vmem_min(nr_pages, VMEM_BALLOON_PAGES_MAX) - transfer->nr_pages;
        if (!options->ops->take(options->ops_context, max_pages << VIRTIO_BALLOON_PAGE_SHIFT,
                                &range))
            break;
        VMEM_ASSERT(vmem_is_aligned(range.base | range.bytes, VIRTIO_BALLOON_PAGE_BYTES) &&
                    range.bytes != 0 && range.bytes >> VIRTIO_BALLOON_PAGE_SHIFT <= max_pages &&
                    range.base <= VMEM_BALLOON_ADDRESS_LIMIT - range.bytes);
        vmem_balloon_transfer_add(transfer,
                                  (struct vmem_balloon_run){
                                      (uint32_t)(range.base >> VIRTIO_BALLOON_PAGE_SHIFT),
                                      (uint32_t)(range.bytes >> VIRTIO_BALLOON_PAGE_SHIFT),
                                  });
    }
    return transfer->nr_pages != 0;
}

/* The runs that came last; one that is longer than what is too much goes whole, and what is then
 * missing comes again in shorter runs. */
static void fill_deflate(struct vmem_balloon *balloon, uint64_t nr_pages,
                         struct vmem_balloon_span span)
{
    struct vmem_balloon_transfer *transfer = &balloon->deflate;
    struct vmem_balloon_run run;
    while (transfer->nr_pages < nr_pages && vmem_balloon_transfer_has_room(transfer) &&
           vmem_balloon_pages_pop(&balloon->pages, VMEM_BALLOON_PAGES_MAX - transfer->nr_pages,
                                  span, &run))
        vmem_balloon_transfer_add(transfer, run);
    balloon->deflated_pages += transfer->nr_pages;
}

/* Send what brings the balloon nearer to its target (B4, B5). No buffer is on its way. */
static int send(struct vmem_balloon *balloon, uint64_t now_ms)
{
    uint64_t target = target_pages(balloon);
    uint64_t held = balloon->pages.nr_pages;
    if (held >= target)
        balloon->is_short = false;
    if (held > target) {
        fill_deflate(balloon, held - target, VMEM_BALLOON_ANYWHERE);
        return vmem_balloon_transfer_send(&balloon->deflate);
    }
    if (held == target || balloon->is_drained || (balloon->is_short && now_ms < balloon->retry_ms))
        return VMEM_OK;
    if (fill_inflate(balloon, target - held))
        return vmem_balloon_transfer_send(&balloon->inflate);
    if (!balloon->is_short)
        vmem_log(VMEM_LOG_INFO, balloon->name,
                 "holds %llu of the %llu bytes that the host wants: no more pages can be taken",
                 vmem_llu(held << VIRTIO_BALLOON_PAGE_SHIFT),
                 vmem_llu(target << VIRTIO_BALLOON_PAGE_SHIFT));
    balloon->is_short = true;
    balloon->retry_ms = now_ms + VMEM_BALLOON_RETRY_MS;
    return VMEM_OK;
}

/* ---- memory that goes away ---- */

void vmem_balloon_vacate(struct vmem_balloon *balloon, uint64_t base, uint64_t bytes,
                         uint64_t max_bytes)
{
    const struct vmem_balloon_span span = {base >> VIRTIO_BALLOON_PAGE_SHIFT,
                                           (base + bytes) >> VIRTIO_BALLOON_PAGE_SHIFT};
    if (balloon->state != VMEM_BALLOON_RUNNING || vmem_balloon_transfer_is_sent(&balloon->deflate))
        return;
    fill_deflate(balloon, vmem_max(1, max_bytes >> VIRTIO_BALLOON_PAGE_SHIFT), span);
    if (balloon->deflate.nr_pages == 0)
        return;
    int status = vmem_balloon_transfer_send(&balloon->deflate);
    if (status == VMEM_OK)
        status = collect_deflated(balloon);
    if (status != VMEM_OK)
        vmem_balloon_fail(balloon, vmem_error_name(status));
}

/* ---- in need ---- */

/* Without MUST_TELL_HOST the pages may be used at once (B10). */
static int deflate_in_need(struct vmem_balloon *balloon, uint64_t nr_pages)
{
    if (balloon->pages.nr_pages == 0)
        return VMEM_OK;
    if (!balloon->is_drained)
        vmem_log(VMEM_LOG_INFO, balloon->name, "gives pages back: the guest is out of memory");
    balloon->is_drained = true;
    fill_deflate(balloon, nr_pages, VMEM_BALLOON_ANYWHERE);
    int status = vmem_balloon_transfer_send(&balloon->deflate);
    if (!vmem_virtio_has_feature(balloon->virtio, VIRTIO_BALLOON_F_MUST_TELL_HOST))
        give_all_back(balloon, &balloon->deflate);
    return status == VMEM_OK ? collect_deflated(balloon) : status;
}

/* What is idle and on its way comes first: the device has no reason to keep it long. */
static int collect_in_need(struct vmem_balloon *balloon)
{
    int status = vmem_balloon_idle_collect(balloon, &balloon->hint.idle);
    if (status == VMEM_OK || status == VMEM_E_AGAIN) {
        int reported = vmem_balloon_idle_collect(balloon, &balloon->report);
        status = reported == VMEM_OK ? status : reported;
    }
    return status;
}

int vmem_balloon_reclaim(struct vmem_balloon *balloon, uint64_t bytes)
{
    uint64_t before = balloon->given_pages;
    if (balloon->state != VMEM_BALLOON_RUNNING)
        return VMEM_E_NOMEM;
    int status = collect_in_need(balloon);
    if (status == VMEM_OK &&
        vmem_virtio_has_feature(balloon->virtio, VIRTIO_BALLOON_F_DEFLATE_ON_OOM)) {
        status = collect_deflated(balloon);
        if (status == VMEM_OK && !vmem_balloon_transfer_is_sent(&balloon->deflate) &&
            balloon->given_pages == before)
            status = deflate_in_need(balloon, vmem_max(1, bytes >> VIRTIO_BALLOON_PAGE_SHIFT));
    }
    if (status != VMEM_OK && status != VMEM_E_AGAIN)
        vmem_balloon_fail(balloon, vmem_error_name(status));
    if (balloon->given_pages != before)
        return VMEM_OK;
    return status == VMEM_E_AGAIN || vmem_balloon_transfer_is_sent(&balloon->deflate)
               ? VMEM_E_AGAIN
               : VMEM_E_NOMEM;
}

/* ---- config space ---- */

static int read_config(struct vmem_balloon *balloon)
{
    uint64_t before = target_pages(balloon);
    struct virtio_balloon_config_abi *config = &balloon->config;
    int status =
        vmem_virtio_read_config(balloon->virtio, &config->num_pages, 0, sizeof(config->num_pages));
    if (status == VMEM_OK && balloon->hint.idle.queue)
        status = vmem_virtio_read_config(
            balloon->virtio, &config->free_page_hint_cmd_id,
            offsetof(struct virtio_balloon_config_abi, free_page_hint_cmd_id),
            sizeof(config->free_page_hint_cmd_id));
    balloon->wants_config = status != VMEM_OK;
    if (target_pages(balloon) != before)
        balloon->is_short = balloon->is_drained = false;
    return status == VMEM_E_TIMEOUT ? VMEM_OK : status;
}

/* "The driver MUST update actual after changing the number of pages in the balloon" (B13). */
static void write_actual(struct vmem_balloon *balloon)
{
    uint64_t held = balloon->pages.nr_pages;
    if (balloon->config.actual.raw != held) {
        balloon->config.actual = vmem_to_le32((uint32_t)held);
        balloon->virtio->ops->write_config(
            balloon->virtio, offsetof(struct virtio_balloon_config_abi, actual), (uint32_t)held);
    }
    if (held != target_pages(balloon) || held == balloon->reported_target)
        return;
    balloon->reported_target = held;
    vmem_log(VMEM_LOG_INFO, balloon->name, "holds %llu bytes, as the host wants",
             vmem_llu(held << VIRTIO_BALLOON_PAGE_SHIFT));
}

/* ---- one call ---- */

static bool is_waiting(const struct vmem_balloon *balloon)
{
    return vmem_balloon_transfer_is_sent(&balloon->inflate) ||
           vmem_balloon_transfer_is_sent(&balloon->deflate);
}

static int follow(struct vmem_balloon *balloon, uint64_t now_ms)
{
    int status = collect(balloon);
    if (status == VMEM_OK)
        status = vmem_balloon_stats_serve(balloon);
    if (status == VMEM_OK)
        status = vmem_balloon_report_serve(balloon);
    if (status == VMEM_OK)
        status = vmem_balloon_hint_serve(balloon);
    for (unsigned i = 0; i < VMEM_BALLOON_ROUNDS_MAX && status == VMEM_OK && !is_waiting(balloon);
         i++) {
        status = send(balloon, now_ms);
        if (!is_waiting(balloon))
            break;
        if (status == VMEM_OK)
            status = collect(balloon);
    }
    return status;
}

static uint64_t due_ms(const struct vmem_balloon *balloon, uint64_t now_ms)
{
    uint64_t due = vmem_balloon_hint_due_ms(balloon, now_ms);
    if (balloon->virtio->irq_mode == VMEM_IRQ_POLL || balloon->wants_config)
        due = vmem_min(due, now_ms + VMEM_BALLOON_POLL_MS);
    if (balloon->wants_report && balloon->report.nr_runs == 0)
        return now_ms;
    if (is_waiting(balloon) || balloon->pages.nr_pages == target_pages(balloon) ||
        (balloon->is_drained && balloon->pages.nr_pages < target_pages(balloon)))
        return due;
    return vmem_min(due, balloon->is_short ? balloon->retry_ms : now_ms);
}

uint64_t vmem_balloon_service(struct vmem_balloon *balloon, uint64_t now_ms)
{
    if (balloon->state != VMEM_BALLOON_RUNNING)
        return VMEM_BALLOON_NEVER;
    uint32_t events = vmem_virtio_take_events(balloon->virtio);
    int status = VMEM_OK;
    if ((events & VIRTIO_EVENT_CONFIG) != 0 && vmem_virtio_needs_reset(balloon->virtio)) {
        vmem_balloon_fail(balloon, "it needs a reset, or has lost its state");
        return VMEM_BALLOON_NEVER;
    }
    if ((events & VIRTIO_EVENT_CONFIG) != 0 || balloon->wants_config)
        status = read_config(balloon);
    if (status == VMEM_OK)
        status = follow(balloon, now_ms);
    if (status != VMEM_OK) {
        vmem_balloon_fail(balloon, vmem_error_name(status));
        return VMEM_BALLOON_NEVER;
    }
    write_actual(balloon);
    return due_ms(balloon, now_ms);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The beginning and the end of a balloon device's life with the driver. */
#include "../core/text.h"
#include "../core/virtio_spec.h"
#include "device.h"

#define STATS_BYTES (VIRTIO_BALLOON_STATS * sizeof(struct virtio_balloon_stat_abi))

static const char *const feature_names[24] = {
    [VIRTIO_BALLOON_F_MUST_TELL_HOST] = "MUST_TELL_HOST",
    [VIRTIO_BALLOON_F_STATS_VQ] = "STATS_VQ",
    [VIRTIO_BALLOON_F_DEFLATE_ON_OOM] = "DEFLATE_ON_OOM",
    [VIRTIO_BALLOON_F_FREE_PAGE_HINT] = "FREE_PAGE_HINT",
    [VIRTIO_BALLOON_F_PAGE_POISON] = "PAGE_POISON",
    [VIRTIO_BALLOON_F_PAGE_REPORTING] = "PAGE_REPORTING",
};

const char *vmem_balloon_feature_name(unsigned bit)
{
    return vmem_virtio_feature_name(bit, feature_names);
}

static uint64_t features_wanted(const struct vmem_balloon_options *options)
{
    uint64_t wanted = VIRTIO_FEATURE(VIRTIO_BALLOON_F_MUST_TELL_HOST) |
                      VIRTIO_FEATURE(VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
    if (options->ops->statistics)
        wanted |= VIRTIO_FEATURE(VIRTIO_BALLOON_F_STATS_VQ);
    if (options->has_poison) /* B2, B3 */
        wanted |= VIRTIO_FEATURE(VIRTIO_BALLOON_F_PAGE_POISON);
    else if (options->ops->take_idle)
        wanted |= VIRTIO_FEATURE(VIRTIO_BALLOON_F_PAGE_REPORTING) |
                  VIRTIO_FEATURE(VIRTIO_BALLOON_F_FREE_PAGE_HINT);
    return wanted;
}

/* "Virtqueues": 4. A device that does not offer FREE_PAGE_HINT may have no queue 3 for it. */
static uint16_t reporting_queue(struct vmem_virtio *virtio)
{
    bool may_be_qemu = (virtio->offered & VIRTIO_FEATURE(VIRTIO_BALLOON_F_FREE_PAGE_HINT)) == 0;
    return may_be_qemu && virtio->ops->queue_size_max(virtio, VIRTIO_BALLOON_QUEUE_REPORTING) == 0
               ? VIRTIO_BALLOON_QUEUE_REPORTING_QEMU
               : VIRTIO_BALLOON_QUEUE_REPORTING;
}

static int create_queues(struct vmem_balloon *balloon)
{
    struct vmem_virtio *virtio = balloon->virtio;
    const struct {
        uint64_t feature; /* 0: always there */
        uint16_t index;
        uint16_t size; /* for the pieces of one buffer, which is on its way at once */
        struct virtqueue **queue;
    } rows[] = {
        {0, VIRTIO_BALLOON_QUEUE_INFLATE, 2, &balloon->inflate.queue},
        {0, VIRTIO_BALLOON_QUEUE_DEFLATE, 2, &balloon->deflate.queue},
        {VIRTIO_FEATURE(VIRTIO_BALLOON_F_STATS_VQ), VIRTIO_BALLOON_QUEUE_STATS, 2,
         &balloon->stats.queue},
        {VIRTIO_FEATURE(VIRTIO_BALLOON_F_FREE_PAGE_HINT), VIRTIO_BALLOON_QUEUE_HINT,
         VMEM_BALLOON_IDLE_RUNS, &balloon->hint.idle.queue},
        {VIRTIO_FEATURE(VIRTIO_BALLOON_F_PAGE_REPORTING), reporting_queue(virtio),
         VMEM_BALLOON_IDLE_RUNS, &balloon->report.queue},
    };
    int status = VMEM_OK;
    for (unsigned i = 0; i < VMEM_ARRAY_SIZE(rows) && status == VMEM_OK; i++) {
        if (rows[i].feature == 0 || (virtio->features & rows[i].feature) != 0)
            status = vmem_queue_create(virtio, rows[i].index, rows[i].size, rows[i].queue);
    }
    if (balloon->hint.idle.queue)
        vmem_queue_poll(balloon->hint.idle.queue);
    return status;
}

/* How much of config space the features need. */
static uint32_t config_bytes(const struct vmem_virtio *virtio)
{
    if (vmem_virtio_has_feature(virtio, VIRTIO_BALLOON_F_PAGE_POISON))
        return sizeof(struct virtio_balloon_config_abi);
    if (vmem_virtio_has_feature(virtio, VIRTIO_BALLOON_F_FREE_PAGE_HINT))
        return offsetof(struct virtio_balloon_config_abi, poison_val);
    return offsetof(struct virtio_balloon_config_abi, free_page_hint_cmd_id);
}

/* B23: before DRIVER_OK. */
static int write_poison(struct vmem_balloon *balloon)
{
    struct vmem_virtio *virtio = balloon->virtio;
    if (virtio->ops->config_bytes(virtio) < config_bytes(virtio))
        return VMEM_E_RANGE;
    if (vmem_virtio_has_feature(virtio, VIRTIO_BALLOON_F_PAGE_POISON))
        virtio->ops->write_config(virtio, offsetof(struct virtio_balloon_config_abi, poison_val),
                                  balloon->options.poison_value);
    return VMEM_OK;
}

/* virtio 1.4, "Device Initialization": from reset to DRIVER_OK. On an error the device is broken.
 */
static int bring_up(struct vmem_balloon *balloon)
{
    struct vmem_virtio *virtio = balloon->virtio;
    int status = vmem_virtio_negotiate(virtio, features_wanted(&balloon->options),
                                       VIRTIO_FEATURE(VIRTIO_F_VERSION_1), feature_names);
    if (status != VMEM_OK)
        return status;
    status = virtio->ops->irq_enable(virtio, balloon->options.irq_mode);
    if (status == VMEM_OK)
        status = create_queues(balloon);
    if (status == VMEM_OK)
        status = write_poison(balloon);
    if (status != VMEM_OK) {
        vmem_virtio_break(virtio, "it cannot be set up: %s", vmem_error_name(status));
        return status;
    }
    vmem_virtio_driver_ok(virtio);
    /* A target that the host sets before this comes without an interrupt. What `actual` reads as
     * after a reset is the device's: it is written at the first chance. */
    balloon->wants_config = true;
    balloon->config.actual.raw = UINT32_MAX;
    balloon->reported_target = 0;
    balloon->is_short = balloon->is_drained = balloon->hint.is_active = false;
    balloon->hint.begun_id = 0;
    balloon->report.next = 0;
    balloon->state = VMEM_BALLOON_RUNNING;
    vmem_balloon_report_idle(balloon);
    return vmem_balloon_stats_offer(balloon);
}

static void free_balloon(struct vmem_balloon *balloon)
{
    vmem_balloon_pages_free(&balloon->pages);
    vmem_balloon_transfer_free(&balloon->inflate);
    vmem_balloon_transfer_free(&balloon->deflate);
    if (balloon->stats.stats)
        vmem_host_dma_free(balloon->stats.stats, STATS_BYTES, balloon->stats.stats_address);
    if (balloon->hint.id)
        vmem_host_dma_free(balloon->hint.id, sizeof(*balloon->hint.id), balloon->hint.id_address);
    vmem_host_free(balloon, sizeof(*balloon));
}

static struct vmem_balloon *allocate(struct vmem_virtio *virtio,
                                     const struct vmem_balloon_options *options)
{
    struct vmem_balloon *balloon = vmem_host_alloc(sizeof(*balloon));
    if (!balloon)
        return NULL;
    memset(balloon, 0, sizeof(*balloon));
    balloon->virtio = virtio;
    balloon->options = *options;
    vmem_format(balloon->name, sizeof(balloon->name), "%s", options->name);
    balloon->options.name = balloon->name;
    balloon->stats.stats =
        vmem_host_dma_alloc(STATS_BYTES, sizeof(uint64_t), &balloon->stats.stats_address);
    balloon->hint.id =
        vmem_host_dma_alloc(sizeof(*balloon->hint.id), sizeof(uint64_t), &balloon->hint.id_address);
    if (balloon->stats.stats && balloon->hint.id &&
        vmem_balloon_transfer_init(&balloon->inflate) == VMEM_OK &&
        vmem_balloon_transfer_init(&balloon->deflate) == VMEM_OK)
        return balloon;
    free_balloon(balloon);
    return NULL;
}

int vmem_balloon_attach(struct vmem_virtio *virtio, const struct vmem_balloon_options *options,
                        struct vmem_balloon **attached)
{
    struct vmem_balloon *balloon = allocate(virtio, options);
    if (!balloon) {
        vmem_log(VMEM_LOG_ERROR, options->name, "there is no memory for the driver's own data");
        return VMEM_E_NOMEM;
    }
    virtio->name = balloon->name;
    virtio->wake_context = options->wake_context;
    /* Of a queue with EVENT_IDX QEMU interrupts for the first buffer in any case: see hint.c. */
    virtio->features_masked = options->features_masked | VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX);
    virtio->translates_device_addresses = options->translates_device_addresses;
    int status = bring_up(balloon);
    if (status != VMEM_OK) {
        vmem_balloon_detach(balloon); /* the reason is logged */
        return status;
    }
    *attached = balloon;
    return VMEM_OK;
}

void vmem_balloon_detach(struct vmem_balloon *balloon)
{
    /* "Device Cleanup" (L2): the rings go after a reset. Without one, what is on its way stays. */
    (void)!vmem_balloon_reset(balloon);
    balloon->virtio->name = NULL;
    if (!balloon->inflate.queue)
        free_balloon(balloon);
}

int vmem_balloon_quiesce(struct vmem_balloon *balloon)
{
    if (balloon->state != VMEM_BALLOON_RUNNING)
        return VMEM_OK;
    balloon->state = VMEM_BALLOON_QUIESCED;
    return vmem_balloon_reset(balloon);
}

void vmem_balloon_resume(struct vmem_balloon *balloon)
{
    if (balloon->state == VMEM_BALLOON_BROKEN)
        return;
    if (vmem_balloon_reset(balloon) != VMEM_OK || bring_up(balloon) != VMEM_OK)
        vmem_balloon_fail(balloon, "it does not start again");
}

void vmem_balloon_get_status(const struct vmem_balloon *balloon, struct vmem_balloon_status *status)
{
    const struct vmem_virtio *virtio = balloon->virtio;
    *status = (struct vmem_balloon_status){
        .name = balloon->name,
        .state = balloon->state,
        .target_bytes = (uint64_t)balloon->config.num_pages.raw << VIRTIO_BALLOON_PAGE_SHIFT,
        .held_bytes = balloon->pages.nr_pages << VIRTIO_BALLOON_PAGE_SHIFT,
        .is_short = balloon->is_short,
        .inflated_pages = balloon->inflated_pages,
        .deflated_pages = balloon->deflated_pages,
        .reported_pages = balloon->report.nr_pages,
        .hinted_pages = balloon->hint.idle.nr_pages,
        .is_drained = balloon->is_drained,
        .features = virtio->features,
        .irq_mode = virtio->irq_mode,
        .transport = virtio->ops->name,
        .location = virtio->location,
        .broken_reason =
            balloon->state == VMEM_BALLOON_BROKEN ? balloon->virtio->broken_reason : NULL,
    };
}

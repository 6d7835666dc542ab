/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_balloon.h. */
#include "tests/fakes/fake_balloon.h"

#include "drivers/virtio/core/virtio_spec.h"
#include "tests/fakes/fake_host.h"
#include "tests/unit/unit.h"

#define CALLS_AT_ONCE_MAX 1000
#define ACTUAL            4 /* offsets in config space */
#define COMMAND_ID        8
#define POISON            12

/* ---- the allocator ---- */

static u8 *owner_of(struct fake_balloon *fake, u64 page)
{
    assert_in_range(page, FAKE_BALLOON_BASE / 4096,
                    FAKE_BALLOON_BASE / 4096 + FAKE_BALLOON_PAGES - 1);
    return &fake->owners[page - FAKE_BALLOON_BASE / 4096];
}

static bool can_take(const struct fake_balloon *fake, u64 page, bool unknown)
{
    return page < FAKE_BALLOON_PAGES && fake->owners[page] == FAKE_OF_ALLOCATOR &&
           !(unknown && fake->known[page]);
}

/* The first run of free pages, up to so many; of those that the host does not know as idle. */
static bool take_run(struct fake_balloon *fake, u64 from, u64 max_bytes, bool unknown,
                     struct vmem_range *taken)
{
    u64 most = min_u64(max_bytes / 4096, fake->nr_free);
    u64 first = (max_u64(from, FAKE_BALLOON_BASE) - FAKE_BALLOON_BASE) / 4096;
    u64 nr = 0;
    if (fake->max_run != 0)
        most = min_u64(most, fake->max_run);
    while (first < FAKE_BALLOON_PAGES && !can_take(fake, first, unknown))
        first++;
    for (; nr < most && can_take(fake, first + nr, unknown); nr++) {
        fake->owners[first + nr] = FAKE_OF_DRIVER;
    }
    fake->nr_free -= nr;
    *taken = (struct vmem_range){FAKE_BALLOON_BASE + first * 4096, nr * 4096};
    return nr != 0;
}

static bool take_idle(void *context, u64 from, u64 max_bytes, bool is_hint, struct vmem_range *idle)
{
    return take_run(context, from, max_bytes, !is_hint, idle);
}

static bool take(void *context, u64 max_bytes, struct vmem_range *taken)
{
    struct fake_balloon *fake = context;
    assert_true(max_bytes != 0 && max_bytes % 4096 == 0);
    fake->nr_takes++;
    if (fake->refuses)
        return false;
    bool is_taken = take_run(fake, 0, max_bytes, false, taken);
    for (u64 i = 0; i < taken->bytes / 4096; i++)
        fake->known[(taken->base - FAKE_BALLOON_BASE) / 4096 + i] = false;
    return is_taken;
}

static void give_back(void *context, u64 base, u64 bytes)
{
    struct fake_balloon *fake = context;
    for (u64 page = base / 4096; page < (base + bytes) / 4096; page++) {
        if (!fake->is_early)
            assert_int_equal(*owner_of(fake, page), FAKE_OF_DRIVER);
        *owner_of(fake, page) = FAKE_OF_ALLOCATOR;
    }
    fake->nr_free += bytes / 4096;
}

static void give_idle(void *context, u64 base, u64 bytes, bool was_told)
{
    struct fake_balloon *fake = context;
    give_back(context, base, bytes);
    for (u64 page = base / 4096; was_told && page < (base + bytes) / 4096; page++)
        fake->known[page - FAKE_BALLOON_BASE / 4096] = true;
}

static void statistics(void *context, struct vmem_balloon_statistics *now)
{
    const struct fake_balloon *fake = context;
    *now = (struct vmem_balloon_statistics){fake->nr_free * 4096, FAKE_BALLOON_PAGES * 4096,
                                            fake->nr_free * 2048};
}

static const struct vmem_balloon_ops ops = {take, give_back, statistics, take_idle, give_idle};

void fake_balloon_use(struct fake_balloon *fake, unsigned nr_pages)
{
    for (unsigned i = 0; i < nr_pages; i++) {
        assert_int_equal(fake->owners[i], FAKE_OF_ALLOCATOR);
        fake->known[i] = false;
    }
}

/* ---- the device ---- */

static void move_pages(struct fake_balloon *fake, const struct fake_request *request)
{
    bool inflates = request->queue == VIRTIO_BALLOON_QUEUE_INFLATE;
    assert_int_equal(request->reply_capacity, 0);
    assert_true(request->readable_bytes != 0 && request->readable_bytes % 4 == 0);
    for (u32 i = 0; i < request->readable_bytes; i += 4) {
        u32 page;
        memcpy(&page, request->readable + i, sizeof(page));
        u8 *owner = owner_of(fake, page);
        if (!fake->is_early) {
            assert_int_equal(*owner, inflates ? FAKE_OF_DRIVER : FAKE_OF_DEVICE);
            *owner = inflates ? FAKE_OF_DEVICE : FAKE_OF_DRIVER;
        }
        fake->nr_in_balloon += inflates ? 1 : -1u;
        *(inflates ? &fake->nr_inflated : &fake->nr_deflated) += 1;
    }
}

/* At most one buffer at a time (B16), of whole entries, and of 6 bytes (B20); it is kept. */
static void take_stats(struct fake_balloon *fake, struct fake_request *request)
{
    assert_int_equal(request->reply_capacity, 0);
    assert_true(request->readable_bytes % 10 == 0 && request->readable_bytes % 6 == 0);
    assert_int_equal(fake->transport.queues[VIRTIO_BALLOON_QUEUE_STATS].nr_unanswered, 0);
    for (u32 i = 0; i < request->readable_bytes; i += 10) {
        u16 tag;
        memcpy(&tag, request->readable + i, sizeof(tag));
        assert_in_range(tag, 0, 9);
        memcpy(&fake->stats[tag], request->readable + i + 2, sizeof(u64));
    }
    fake->nr_stats++;
    request->no_answer = !fake->asks_without_end;
}

void fake_balloon_ask_for_stats(struct fake_balloon *fake)
{
    fake_transport_answer_late(&fake->transport, VIRTIO_BALLOON_QUEUE_STATS, 0, NULL, 0);
}

/* Guest memory, which the fake ring cannot write to: only how much of it there is, and that all of
 * it is out of use (B27), is looked at. */
static u32 take_ranges(struct fake_balloon *fake, struct fake_request *request, bool unknown)
{
    u32 nr_out = 0;
    u32 nr_pages = request->reply_capacity / 4096;
    assert_int_equal(request->readable_bytes, 0);
    for (unsigned i = 0; i < FAKE_BALLOON_PAGES; i++)
        nr_out += fake->owners[i] == FAKE_OF_DRIVER && !(unknown && fake->known[i]);
    assert_true(nr_pages != 0 && nr_pages <= nr_out);
    request->reply_bytes = 0;
    request->used_bytes = 0;
    return nr_pages;
}

static void take_report(struct fake_balloon *fake, struct fake_request *request)
{
    fake->nr_reported += take_ranges(fake, request, true);
    fake->nr_reports++;
}

static u32 command_id(const struct fake_balloon *fake)
{
    u32 id;
    memcpy(&id, fake->transport.config + COMMAND_ID, sizeof(id));
    return id;
}

/* Of 4 bytes (B31): an id begins a round, and a stop ends it. Ranges come within a round, and count
 * if its id is the current one (B32). */
static void take_hint(struct fake_balloon *fake, struct fake_request *request)
{
    u32 id;
    if (request->readable_bytes == 0) {
        assert_true(fake->round_id != 0);
        u32 nr_pages = take_ranges(fake, request, false);
        fake->nr_hinted += fake->round_id == command_id(fake) ? nr_pages : 0;
        fake->nr_hints++;
        request->no_answer = fake->keeps_hints;
        request->used_bytes = fake->hint_length;
        return;
    }
    assert_int_equal(request->reply_capacity, 0);
    assert_int_equal(request->readable_bytes, sizeof(id));
    memcpy(&id, request->readable, sizeof(id));
    if (id == VIRTIO_BALLOON_CMD_ID_STOP) {
        assert_true(fake->round_id != 0);
        fake->nr_rounds++;
    } else {
        assert_int_equal(fake->round_id, 0);
    }
    fake->round_id = id;
}

void fake_balloon_hint(struct fake_balloon *fake, u32 id)
{
    memcpy(fake->transport.config + COMMAND_ID, &id, sizeof(id));
    fake_transport_raise_config(&fake->transport);
}

static void on_request(void *context, struct fake_request *request)
{
    struct fake_balloon *fake = context;
    switch (request->queue) {
    case VIRTIO_BALLOON_QUEUE_STATS:
        take_stats(fake, request);
        break;
    case VIRTIO_BALLOON_QUEUE_HINT: /* or QEMU's queue for reports */
        if (fake->transport.accepted & VIRTIO_FEATURE(VIRTIO_BALLOON_F_FREE_PAGE_HINT))
            take_hint(fake, request);
        else
            take_report(fake, request);
        break;
    case VIRTIO_BALLOON_QUEUE_REPORTING:
        take_report(fake, request);
        break;
    case VIRTIO_BALLOON_QUEUE_INFLATE:
    case VIRTIO_BALLOON_QUEUE_DEFLATE:
        move_pages(fake, request);
        break;
    default:
        fail_msg("a request on queue %u", request->queue);
    }
}

/* The balloon is no more. */
static void on_reset(void *context)
{
    struct fake_balloon *fake = context;
    for (unsigned i = 0; i < FAKE_BALLOON_PAGES; i++) {
        if (fake->owners[i] == FAKE_OF_DEVICE)
            fake->owners[i] = FAKE_OF_DRIVER;
    }
    fake->nr_in_balloon = 0;
    fake->round_id = 0;
}

static void on_config_write(void *context, u32 offset, u32 value)
{
    struct fake_balloon *fake = context;
    if (offset == POISON) { /* B23, B24 */
        assert_int_equal(fake->transport.status & VIRTIO_STATUS_DRIVER_OK, 0);
        assert_true(fake->transport.accepted & VIRTIO_FEATURE(VIRTIO_BALLOON_F_PAGE_POISON));
        return;
    }
    assert_int_equal(offset, ACTUAL);
    assert_in_range(value, 0, FAKE_BALLOON_PAGES);
    fake->nr_actual_writes++;
}

void fake_balloon_start(struct fake_balloon *fake, u64 features)
{
    fake_host_start();
    memset(fake, 0, sizeof(*fake));
    fake_transport_init(&fake->transport, VMEM_VIRTIO_ID_BALLOON, features, FAKE_BALLOON_CONFIG);
    fake->transport.nr_queues = FAKE_QUEUES;
    fake->transport.on_request = on_request;
    fake->transport.on_reset = on_reset;
    fake->transport.on_config_write = on_config_write;
    fake->transport.context = fake;
    fake->nr_free = FAKE_BALLOON_PAGES;
    fake->options = (struct vmem_balloon_options){
        .name = "balloon0",
        .ops = &ops,
        .ops_context = fake,
        .wake_context = &fake->is_woken,
    };
}

int fake_balloon_try_attach(struct fake_balloon *fake)
{
    fake->driver = NULL;
    return vmem_balloon_attach(&fake->transport.device, &fake->options, &fake->driver);
}

void fake_balloon_attach(struct fake_balloon *fake)
{
    assert_int_equal(fake_balloon_try_attach(fake), VMEM_OK);
    fake_balloon_run(fake, 0);
}

void fake_balloon_want(struct fake_balloon *fake, u32 nr_pages)
{
    memcpy(fake->transport.config, &nr_pages, sizeof(nr_pages));
    fake_transport_raise_config(&fake->transport);
}

void fake_balloon_run(struct fake_balloon *fake, u64 ms)
{
    u64 end_ms = vmem_host_now_ms() + ms;
    unsigned nr_at_once = 0;
    fake->due_ms = vmem_balloon_service(fake->driver, vmem_host_now_ms());
    for (;;) {
        u64 now_ms = vmem_host_now_ms();
        if (fake->is_woken || fake->due_ms <= now_ms) {
            fake->is_woken = false;
            fake->due_ms = vmem_balloon_service(fake->driver, now_ms);
            assert_true(nr_at_once++ < CALLS_AT_ONCE_MAX);
            continue;
        }
        if (now_ms >= end_ms)
            return;
        nr_at_once = 0;
        fake_host_advance_ms(min_u64(fake->due_ms, end_ms) - now_ms);
    }
}

u32 fake_balloon_actual(const struct fake_balloon *fake)
{
    u32 actual;
    memcpy(&actual, fake->transport.config + ACTUAL, sizeof(actual));
    return actual;
}

void fake_balloon_expect(const struct fake_balloon *fake, u32 nr_pages)
{
    struct vmem_balloon_status status;
    vmem_balloon_get_status(fake->driver, &status);
    assert_int_equal(fake->nr_in_balloon, nr_pages);
    assert_int_equal(fake_balloon_actual(fake), nr_pages);
    assert_int_equal(status.held_bytes, (u64)nr_pages * 4096);
}

void fake_balloon_follow(struct fake_balloon *fake, u32 nr_pages)
{
    fake_balloon_want(fake, nr_pages);
    fake_balloon_run(fake, 1);
    fake_balloon_expect(fake, nr_pages);
}

void fake_balloon_stop(struct fake_balloon *fake)
{
    if (fake->driver)
        vmem_balloon_detach(fake->driver);
    fake->driver = NULL;
    for (unsigned i = 0; i < FAKE_BALLOON_PAGES; i++)
        assert_int_equal(fake->owners[i], FAKE_OF_ALLOCATOR);
    assert_int_equal(fake_host_allocated(), 0);
    fake_host_stop();
}

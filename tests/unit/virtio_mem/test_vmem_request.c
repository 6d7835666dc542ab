/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests on the wire, byte by byte, and every answer that a device can give
 * or fail to give: what counts is the type, and no byte that was not written.
 */
#include "drivers/virtio/mem/request.h"

#include <pthread.h>

#include "drivers/virtio/core/virtio_spec.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_transport.h"
#include "tests/unit/unit.h"

#define BASE  0x140000000
#define BLOCK 0x200000

static struct fake_transport transport;
static struct vmem_requests requests;

/* What the device does with the next request. */
static u8 seen[64];
static u32 seen_bytes;
static u8 answer[16];
static u32 answer_bytes;
static u32 used_bytes;
static bool keep;

static void on_request(void *context, struct fake_request *request)
{
    (void)context;
    assert_int_equal(request->reply_capacity, 10);
    seen_bytes = request->readable_bytes;
    memcpy(seen, request->readable, min_u64(seen_bytes, sizeof(seen)));
    memcpy(request->reply, answer, sizeof(answer));
    request->reply_bytes = answer_bytes;
    request->used_bytes = used_bytes;
    request->no_answer = keep;
}

static void set_up(void)
{
    fake_host_start();
    fake_transport_init(&transport, VIRTIO_ID_MEM, 0, 56);
    transport.on_request = on_request;
    used_bytes = FAKE_USED_AS_WRITTEN;
    answer_bytes = 10;
    keep = false;
    memset(answer, 0, sizeof(answer));
    assert_int_equal(vmem_virtio_negotiate(&transport.device, 0, 0, NULL), OK);
    assert_int_equal(transport.device.ops->irq_enable(&transport.device, VMEM_IRQ_AUTO), OK);
    assert_int_equal(vmem_requests_init(&requests), OK);
    assert_int_equal(vmem_queue_create(&transport.device, 0, 128, &requests.queue), OK);
    vmem_virtio_driver_ok(&transport.device);
}

static void tear_down(void)
{
    fake_host_stop();
}

static int submit(enum virtio_mem_request_type type, u64 first, u64 nr_blocks, u64 deadline_ms)
{
    const struct vmem_request request = {type, VMEM_PURPOSE_TRACK, {first, nr_blocks}};
    return vmem_requests_submit(&requests, &request, BASE, BLOCK, deadline_ms);
}

/* No bug of ours asks a device about nothing, or about more than the field can say. */
TEST_WITH(test_counts_that_no_request_has, set_up, tear_down)
{
    expect_assert_failure(submit(VIRTIO_MEM_REQ_PLUG, 0, 0, 0));
    expect_assert_failure(submit(VIRTIO_MEM_REQ_PLUG, 0, 0x10000, 0));
}

static struct vmem_reply ask(enum virtio_mem_request_type type)
{
    struct vmem_reply reply;
    assert_int_equal(submit(type, 5, 0x1234, 1), OK);
    vmem_queue_publish(requests.queue);
    assert_int_equal(vmem_requests_take(&requests, &reply), OK);
    assert_int_equal(vmem_requests_take(&requests, &reply), E_AGAIN);
    assert_int_equal(requests.nr_in_flight, 0);
    return reply;
}

/* 24 bytes, little-endian, the padding zero; UNPLUG ALL names no blocks. */
TEST_WITH(test_wire_format, set_up, tear_down)
{
    for (u8 type = VIRTIO_MEM_REQ_PLUG; type <= VIRTIO_MEM_REQ_STATE; type++) {
        u8 expected[24] = {type, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xa0, 0x40, 1, 0, 0, 0, 0x34, 0x12};
        if (type == VIRTIO_MEM_REQ_UNPLUG_ALL)
            memset(expected + 8, 0, 16);
        struct vmem_reply reply = ask((enum virtio_mem_request_type)type);
        assert_int_equal(seen_bytes, sizeof(expected));
        assert_memory_equal(seen, expected, sizeof(expected));
        assert_int_equal(reply.request.type, type);
        assert_int_equal(reply.request.run.first, 5);
        assert_int_equal(reply.request.run.nr_blocks, 0x1234);
    }
}

TEST_WITH(test_answers, set_up, tear_down)
{
    static const struct {
        enum virtio_mem_request_type request;
        u16 type, state;
        u32 bytes, used;
        enum vmem_response response;
    } cases[] = {
        {VIRTIO_MEM_REQ_PLUG, 0, 0xeeee, 10, 10, VMEM_ACK},
        {VIRTIO_MEM_REQ_PLUG, 1, 0xeeee, 10, 10, VMEM_NACK},
        {VIRTIO_MEM_REQ_UNPLUG, 2, 0xeeee, 10, 10, VMEM_BUSY},
        {VIRTIO_MEM_REQ_UNPLUG_ALL, 3, 0xeeee, 10, 10, VMEM_ERROR},
        {VIRTIO_MEM_REQ_UNPLUG, 4, 0, 10, 10, VMEM_NO_ANSWER},
        {VIRTIO_MEM_REQ_PLUG, 0x100, 0, 10, 10, VMEM_NO_ANSWER},
        /* the type is all that these need (M17 to M19) */
        {VIRTIO_MEM_REQ_PLUG, 0, 0, 2, 2, VMEM_ACK},
        /* a length that says less than was written, or nothing */
        {VIRTIO_MEM_REQ_PLUG, 0, 0, 10, 1, VMEM_NO_ANSWER},
        {VIRTIO_MEM_REQ_PLUG, 0, 0, 10, 0, VMEM_NO_ANSWER},
        {VIRTIO_MEM_REQ_PLUG, 0, 0, 0, 0, VMEM_NO_ANSWER},
        /* the length says that an answer is there, and it is not */
        {VIRTIO_MEM_REQ_PLUG, 0, 0, 0, 10, VMEM_NO_ANSWER},
        {VIRTIO_MEM_REQ_STATE, 0, 0, 10, 10, VMEM_ACK},
        {VIRTIO_MEM_REQ_STATE, 0, 2, 10, 10, VMEM_ACK},
        {VIRTIO_MEM_REQ_STATE, 0, 3, 10, 10, VMEM_NO_ANSWER},
        {VIRTIO_MEM_REQ_STATE, 0, 0, 10, 9, VMEM_NO_ANSWER},
        {VIRTIO_MEM_REQ_STATE, 0, 0, 2, 2, VMEM_NO_ANSWER},
        /* and its state counts with ACK only (M21) */
        {VIRTIO_MEM_REQ_STATE, 3, 0xeeee, 10, 10, VMEM_ERROR},
        {VIRTIO_MEM_REQ_STATE, 3, 0, 2, 2, VMEM_ERROR},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        memset(answer, 0xee, sizeof(answer));
        memcpy(answer, &cases[i].type, 2);
        memcpy(answer + 8, &cases[i].state, 2);
        answer_bytes = cases[i].bytes;
        used_bytes = cases[i].used;
        struct vmem_reply reply = ask(cases[i].request);
        if (reply.response != cases[i].response)
            fail_msg("case %u: %s, expected %s", i, vmem_response_name(reply.response),
                     vmem_response_name(cases[i].response));
        if (cases[i].request == VIRTIO_MEM_REQ_STATE && reply.response == VMEM_ACK)
            assert_int_equal(reply.state, cases[i].state);
    }
}

/* Threat 16: the answer changes while it is read: what was checked is what counts. */
static bool ends_scribbling;

static void *scribble(void *context)
{
    volatile u16 *type = context;
    while (!__atomic_load_n(&ends_scribbling, __ATOMIC_RELAXED)) {
        *type = 0;
        *type = 0x7777;
    }
    return NULL;
}

TEST_WITH(test_answer_changes_while_read, set_up, tear_down)
{
    pthread_t thread;
    ends_scribbling = false;
    u8 *response = (u8 *)requests.buffers + 24; /* the first slot's, behind its request */
    assert_int_equal(pthread_create(&thread, NULL, scribble, response), 0);
    for (unsigned i = 0; i < 20000; i++) {
        struct vmem_reply reply = ask(VIRTIO_MEM_REQ_PLUG);
        bool is_ack = reply.response == VMEM_ACK;
        assert_int_equal(is_ack, reply.type == VIRTIO_MEM_RESP_ACK);
        assert_true(is_ack || reply.response == VMEM_NO_ANSWER);
    }
    __atomic_store_n(&ends_scribbling, true, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* Sixteen at once and no more; each slot is free again when its own answer came. */
TEST_WITH(test_slots, set_up, tear_down)
{
    struct vmem_reply reply;
    keep = true;
    for (unsigned i = 0; i < VMEM_REQUESTS_MAX; i++)
        assert_int_equal(submit(VIRTIO_MEM_REQ_PLUG, i, 1, 100 + i), OK);
    assert_int_equal(submit(VIRTIO_MEM_REQ_PLUG, 99, 1, 0), E_NOMEM);
    vmem_queue_publish(requests.queue);
    assert_int_equal(vmem_requests_take(&requests, &reply), E_AGAIN);
    assert_int_equal(requests.nr_in_flight, VMEM_REQUESTS_MAX);

    /* The second was answered first: its slot alone can be used again. */
    fake_transport_answer_late(&transport, 0, 1, answer, 10);
    assert_int_equal(vmem_requests_take(&requests, &reply), OK);
    assert_int_equal(reply.request.run.first, 1);
    assert_int_equal(submit(VIRTIO_MEM_REQ_PLUG, 77, 1, 50), OK);
    assert_int_equal(submit(VIRTIO_MEM_REQ_PLUG, 78, 1, 0), E_NOMEM);
}

TEST_WITH(test_deadlines, set_up, tear_down)
{
    keep = true;
    assert_int_equal(vmem_requests_deadline(&requests), ~(u64)0);
    assert_null(vmem_requests_overdue(&requests, ~(u64)0));
    assert_int_equal(submit(VIRTIO_MEM_REQ_PLUG, 1, 1, 300), OK);
    assert_int_equal(submit(VIRTIO_MEM_REQ_UNPLUG, 2, 1, 200), OK);
    vmem_queue_publish(requests.queue);
    assert_int_equal(vmem_requests_deadline(&requests), 200);
    assert_null(vmem_requests_overdue(&requests, 199));
    assert_int_equal(vmem_requests_overdue(&requests, 200)->type, VIRTIO_MEM_REQ_UNPLUG);
    vmem_requests_forget(&requests);
    assert_null(vmem_requests_overdue(&requests, 1000));
    assert_int_equal(requests.nr_in_flight, 0);
}

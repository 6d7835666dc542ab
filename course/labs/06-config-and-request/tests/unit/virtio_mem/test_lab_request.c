/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each field of an answer is read once, and after that the device writes another one. The answer
 * lies on a page that may not be read: each read is a signal, which lets one instruction through.
 */
#define _GNU_SOURCE /* REG_EFL */
#include "drivers/virtio/mem/request.h"

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "drivers/virtio/core/virtio_spec.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_transport.h"
#include "tests/unit/unit.h"

#define BASE            0x140000000
#define BLOCK           0x200000
#define RESPONSE_OFFSET 24 /* in a slot's buffer, behind the request */
#define TRAP_FLAG       0x100

static struct fake_transport transport;
static struct vmem_requests requests;
static u8 answer[10];
static u8 *page;
static unsigned nr_reads[sizeof(answer)];
static unsigned long last_read;

static void on_request(void *context, struct fake_request *request)
{
    (void)context;
    memcpy(request->reply, answer, sizeof(answer));
    request->reply_bytes = sizeof(answer);
    request->used_bytes = FAKE_USED_AS_WRITTEN;
}

static void on_read(int number, siginfo_t *info, void *context)
{
    (void)number;
    uintptr_t offset = (uintptr_t)info->si_addr - (uintptr_t)page;
    if (offset >= PAGE_BYTES)
        abort(); /* a stray access, which ASan would have shown */
    last_read = offset - RESPONSE_OFFSET;
    if (last_read < sizeof(answer))
        nr_reads[last_read]++;
    mprotect(page, PAGE_BYTES, PROT_READ | PROT_WRITE);
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

/* After the instruction: the field becomes what no device sends. */
static void after_read(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    if (last_read < sizeof(answer))
        page[RESPONSE_OFFSET + last_read] = 0x77;
    mprotect(page, PAGE_BYTES, PROT_NONE);
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
}

static void set_up(void)
{
    fake_host_start();
    fake_transport_init(&transport, VIRTIO_ID_MEM, 0, 56);
    transport.on_request = on_request;
    assert_int_equal(vmem_virtio_negotiate(&transport.device, 0, 0, NULL), OK);
    assert_int_equal(transport.device.ops->irq_enable(&transport.device, VMEM_IRQ_AUTO), OK);
    assert_int_equal(vmem_requests_init(&requests), OK);
    assert_int_equal(vmem_queue_create(&transport.device, 0, 128, &requests.queue), OK);
    vmem_virtio_driver_ok(&transport.device);
    page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
}

static void tear_down(void)
{
    munmap(page, PAGE_BYTES);
    fake_host_stop();
}

static struct vmem_reply take_from_page(void)
{
    struct sigaction old_segv, old_trap;
    const struct sigaction segv = {.sa_sigaction = on_read, .sa_flags = SA_SIGINFO};
    const struct sigaction trap = {.sa_sigaction = after_read, .sa_flags = SA_SIGINFO};
    struct vmem_request_buffer *own = requests.buffers;
    struct vmem_reply reply;
    memset(nr_reads, 0, sizeof(nr_reads));
    memcpy(page, own, 64);
    requests.buffers = (struct vmem_request_buffer *)(void *)page;
    sigaction(SIGSEGV, &segv, &old_segv);
    sigaction(SIGTRAP, &trap, &old_trap);
    mprotect(page, PAGE_BYTES, PROT_NONE);
    int status = vmem_requests_take(&requests, &reply);
    mprotect(page, PAGE_BYTES, PROT_READ | PROT_WRITE);
    sigaction(SIGSEGV, &old_segv, NULL);
    sigaction(SIGTRAP, &old_trap, NULL);
    requests.buffers = own;
    assert_int_equal(status, OK);
    return reply;
}

static struct vmem_reply ask(enum virtio_mem_request_type type)
{
    const struct vmem_request request = {type, VMEM_PURPOSE_TRACK, {5, 8}};
    assert_int_equal(vmem_requests_submit(&requests, &request, BASE, BLOCK, 1), OK);
    vmem_queue_publish(requests.queue);
    struct vmem_reply reply = take_from_page();
    for (unsigned i = 0; i < sizeof(answer); i++)
        if (nr_reads[i] > 1)
            fail_msg("byte %u of the answer was read %u times, and the device wrote in between", i,
                     nr_reads[i]);
    return reply;
}

TEST_WITH(each_field_is_read_once, set_up, tear_down)
{
    struct vmem_reply reply = ask(VIRTIO_MEM_REQ_PLUG);
    assert_int_equal(reply.response, VMEM_ACK);
    assert_int_equal(reply.type, VIRTIO_MEM_RESP_ACK);
    answer[8] = VIRTIO_MEM_STATE_MIXED;
    reply = ask(VIRTIO_MEM_REQ_STATE);
    assert_int_equal(reply.response, VMEM_ACK);
    assert_int_equal(reply.state, VIRTIO_MEM_STATE_MIXED);
}

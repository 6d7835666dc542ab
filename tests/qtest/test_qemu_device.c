/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The drivers against QEMU's own virtio-mem device, without a guest, and the
 * fake device of the unit tests beside it: what the fake answers is what the
 * real one answers.
 *
 * Usage: test_qemu_device [NR_REQUESTS [SEED]]
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "drivers/pci/pci.h"
#include "drivers/virtio/core/virtio_spec.h"
#include "drivers/virtio/core/virtqueue.h"
#include "drivers/virtio/include/vmem/vmem.h"
#include "drivers/virtio/mem/config.h"
#include "extras/check/page_check.h"
#include "include/status.h"
#include "kernel/transports.h"
#include "mm/early.h"
#include "mm/page.h"
#include "tests/fakes/fake_attach.h"
#include "tests/fakes/fake_platform.h"
#include "tests/fakes/fake_vmem.h"
#include "tests/qtest/qtest.h"
#include "tests/unit/unit.h"

#define REGION_BYTES (2 * GIB)
#define BLOCK_BYTES  (2 * MIB)
#define NR_BLOCKS    (REGION_BYTES / BLOCK_BYTES)

/* QEMU answers from its main loop, soon after the notification: how often to look, and how long. */
#define POLL_US   20
#define POLLS_MAX 500000

static u64 nr_requests = 20000;
static u64 seed = 1;

static u64 next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static u64 below(u64 limit)
{
    return next_random() % limit;
}

/* ---- bring-up ---- */

static struct boot_info boot;

static struct vmem_virtio *find_device(void)
{
    const struct pci_address slot = {.device = 4};
    struct vmem_virtio *device;
    assert_true(pci_scan() > 0);
    struct pci_device *pci = pci_find(slot);
    assert_non_null(pci);
    assert_int_equal(transport_pci_type(pci), VIRTIO_ID_MEM);
    assert_int_equal(transport_create_pci(pci, &device), OK);
    return device;
}

static struct vmem_virtio *start_machine(void)
{
    qtest_start(&boot, REGION_BYTES, BLOCK_BYTES);
    early_init(&boot);
    page_init(&boot);
    pci_init(&boot);
    return find_device();
}

/* Negotiate, one queue, DRIVER_OK, no interrupts: the driver's part without the driver. */
static struct virtqueue *bring_up(struct vmem_virtio *device)
{
    static const char *const names[24] = {"ACPI_PXM", "UNPLUGGED_INACCESSIBLE"};
    struct virtqueue *queue;
    u64 wanted =
        VIRTIO_FEATURE(VIRTIO_MEM_F_ACPI_PXM) | VIRTIO_FEATURE(VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE);
    assert_int_equal(vmem_virtio_negotiate(device, wanted, 0, names), OK);
    assert_int_equal(device->ops->irq_enable(device, VMEM_IRQ_POLL), OK);
    assert_int_equal(vmem_queue_create(device, VIRTIO_MEM_QUEUE, 128, &queue), OK);
    vmem_virtio_driver_ok(device);
    return queue;
}

/* ---- one request, byte by byte ---- */

struct exchange {
    struct virtio_mem_request_abi request;
    struct virtio_mem_response_abi response;
};

struct answer {
    bool came;
    u32 bytes;
    u16 type;
    u16 state;
};

/* Waits for the answer, or until the device says that it needs a reset. */
static struct answer ask(struct vmem_virtio *device, struct virtqueue *queue,
                         struct exchange *exchange, u16 type, u64 addr, u16 nr_blocks)
{
    const struct virtqueue_piece pieces[] = {
        {virt_to_phys(&exchange->request), sizeof(exchange->request)},
        {virt_to_phys(&exchange->response), sizeof(exchange->response)},
    };
    struct virtqueue_used used = {0};
    struct answer answer = {0};
    memset(exchange, 0xee, sizeof(*exchange));
    exchange->request.type = vmem_to_le16(type);
    exchange->request.addr = vmem_to_le64(addr);
    exchange->request.nb_blocks = vmem_to_le16(nr_blocks);
    assert_int_equal(vmem_queue_add(queue, pieces, 1, 1, exchange), OK);
    vmem_queue_publish(queue);
    int status = vmem_queue_take_used(queue, &used);
    for (unsigned polls = 1; status == E_AGAIN && polls < POLLS_MAX; polls++) {
        if (polls % 100 == 0 && vmem_virtio_needs_reset(device))
            break;
        usleep(POLL_US);
        status = vmem_queue_take_used(queue, &used);
    }
    answer.came = status == OK;
    answer.bytes = used.bytes;
    answer.type = vmem_from_le16(exchange->response.type);
    answer.state = vmem_from_le16(exchange->response.state);
    return answer;
}

static void read_config(struct vmem_virtio *device, struct vmem_config *config)
{
    struct virtio_mem_config_abi abi = {0};
    assert_int_equal(vmem_virtio_read_config(device, &abi, 0, sizeof(abi)), OK);
    vmem_config_decode(&abi, true, config);
}

/* ---- the fake is true to the real one ---- */

struct pair {
    struct vmem_virtio *real;
    struct virtqueue *real_queue;
    struct exchange *real_exchange;
    struct fake_vmem fake;
    struct virtqueue *fake_queue;
    struct exchange *fake_exchange;
    u64 base;
};

/* Mostly requests that could be right, and each kind of wrong one. */
static void random_request(const struct pair *pair, u16 *type, u64 *addr, u16 *nr_blocks)
{
    static const u16 types[] = {VIRTIO_MEM_REQ_PLUG,   VIRTIO_MEM_REQ_PLUG,   VIRTIO_MEM_REQ_PLUG,
                                VIRTIO_MEM_REQ_UNPLUG, VIRTIO_MEM_REQ_UNPLUG, VIRTIO_MEM_REQ_STATE,
                                VIRTIO_MEM_REQ_STATE};
    *type = below(200) == 0 ? VIRTIO_MEM_REQ_UNPLUG_ALL : types[below(ARRAY_SIZE(types))];
    *addr = pair->base + below(NR_BLOCKS + 2) * BLOCK_BYTES;
    *nr_blocks = (u16)(1 + below(below(4) == 0 ? NR_BLOCKS : 8));
    switch (below(40)) {
    case 0:
        *addr += 4096;
        break;
    case 1:
        *addr = pair->base - BLOCK_BYTES * (1 + below(4));
        break;
    case 2:
        *nr_blocks = 0;
        break;
    case 3:
        *nr_blocks = 65535;
        break;
    case 4:
        *addr = next_random();
        break;
    default:
        break;
    }
}

static void compare_configs(struct pair *pair, u64 step)
{
    struct vmem_config real;
    struct vmem_config fake;
    read_config(pair->real, &real);
    read_config(&pair->fake.transport.device, &fake);
    if (real.region_base != fake.region_base || real.region_bytes != fake.region_bytes ||
        real.block_bytes != fake.block_bytes || real.plugged_bytes != fake.plugged_bytes ||
        real.usable_bytes != fake.usable_bytes || real.requested_bytes != fake.requested_bytes)
        fail_msg("after request %lu: QEMU has plugged %lu usable %lu requested %lu, the fake %lu, "
                 "%lu, %lu",
                 step, real.plugged_bytes, real.usable_bytes, real.requested_bytes,
                 fake.plugged_bytes, fake.usable_bytes, fake.requested_bytes);
}

static void compare_request(struct pair *pair, u64 step)
{
    u16 type;
    u64 addr;
    u16 nr_blocks;
    random_request(pair, &type, &addr, &nr_blocks);
    struct answer real =
        ask(pair->real, pair->real_queue, pair->real_exchange, type, addr, nr_blocks);
    struct answer fake = ask(&pair->fake.transport.device, pair->fake_queue, pair->fake_exchange,
                             type, addr, nr_blocks);
    assert_true(real.came && fake.came);
    bool has_state = type == VIRTIO_MEM_REQ_STATE && real.type == VIRTIO_MEM_RESP_ACK;
    if (real.type != fake.type || real.bytes != fake.bytes ||
        (has_state && real.state != fake.state))
        fail_msg("request %lu, type %u at 0x%lx, %u blocks: QEMU answers %u (state %u, %u bytes), "
                 "the fake %u (%u, %u)",
                 step, type, addr, nr_blocks, real.type, real.state, real.bytes, fake.type,
                 fake.state, fake.bytes);
}

static void pair_start(struct pair *pair)
{
    struct vmem_config config;
    pair->real = start_machine();
    pair->real_queue = bring_up(pair->real);
    read_config(pair->real, &config);
    pair->base = config.region_base;
    fake_vmem_init(&pair->fake, FAKE_VMEM_QEMU, pair->base, BLOCK_BYTES, NR_BLOCKS);
    pair->fake.is_strict = false;
    pair->fake_queue = bring_up(&pair->fake.transport.device);
    paddr_t page = page_alloc(0, PAGE_KERNEL);
    assert_true(page != PADDR_NONE);
    pair->real_exchange = phys_to_virt(page);
    pair->fake_exchange = pair->real_exchange + 1;
}

static void test_fake_answers_as_qemu(void **state)
{
    (void)state;
    static struct pair pair;
    pair_start(&pair);
    clock_t began = clock();
    for (u64 step = 0; step < nr_requests; step++) {
        if (below(16) == 0) {
            u64 requested = below(NR_BLOCKS + 1) * BLOCK_BYTES;
            qtest_set_requested(requested);
            fake_vmem_set_requested(&pair.fake, requested);
        }
        compare_request(&pair, step);
        if (below(16) == 0)
            compare_configs(&pair, step);
    }
    compare_configs(&pair, nr_requests);
    print_message("%lu requests in %.1f s of this program's processor time, %lu accesses\n",
                  nr_requests, (double)(clock() - began) / CLOCKS_PER_SEC, qtest_accesses());
    fake_vmem_free(&pair.fake);
}

/* ---- what host.md says of a request that QEMU does not know ---- */

static void test_unknown_request_needs_a_reset(void **state)
{
    (void)state;
    struct vmem_config config;
    struct vmem_virtio *device = start_machine();
    struct virtqueue *queue = bring_up(device);
    paddr_t page = page_alloc(0, PAGE_KERNEL);
    struct exchange *exchange = phys_to_virt(page);
    qtest_set_requested(8 * BLOCK_BYTES);
    read_config(device, &config);
    struct answer answer = ask(device, queue, exchange, VIRTIO_MEM_REQ_PLUG, config.region_base, 8);
    assert_true(answer.came);
    assert_int_equal(answer.type, VIRTIO_MEM_RESP_ACK);

    answer = ask(device, queue, exchange, 9, config.region_base, 1);
    assert_false(answer.came);
    assert_true(vmem_virtio_needs_reset(device));

    assert_int_equal(vmem_virtio_reset(device), OK);
    vmem_queue_destroy(queue);
    queue = bring_up(device);
    assert_false(vmem_virtio_needs_reset(device));
    answer = ask(device, queue, exchange, VIRTIO_MEM_REQ_STATE, config.region_base, 8);
    assert_int_equal(answer.type, VIRTIO_MEM_RESP_ACK);
    assert_int_equal(answer.state, VIRTIO_MEM_STATE_PLUGGED);
    assert_int_equal(qtest_plugged(), 8 * BLOCK_BYTES);
}

/* ---- the whole driver ---- */

#define HOLDINGS 64

/* Serve the driver until nothing is in flight and it has looked after its last answer. */
static void settle(struct vmem_device *vmem)
{
    struct vmem_status status;
    fake_advance_ms(1000); /* the slow look is due */
    for (unsigned polls = 0; polls < POLLS_MAX; polls++) {
        (void)vmem_service(vmem, platform_now_ms());
        vmem_get_status(vmem, &status);
        if (status.is_settled || status.wait != VMEM_WAIT_NONE)
            return;
        usleep(POLL_US);
    }
    fail_msg("the driver is %s, not settled and not waiting", vmem_state_name(status.state));
}

static void test_driver_follows_the_host(void **state)
{
    (void)state;
    struct vmem_device *vmem;
    struct vmem_status status;
    paddr_t held[HOLDINGS];
    struct vmem_virtio *device = start_machine();
    assert_int_equal(fake_attach(device, "vmem0", VMEM_IRQ_POLL, VMEM_INIT_UNPLUG_ALL, &vmem), OK);
    settle(vmem);
    vmem_get_status(vmem, &status);
    assert_true(status.is_ready);
    for (unsigned round = 0; round < 200; round++) {
        u64 grown = (HOLDINGS + below(NR_BLOCKS - HOLDINGS)) * BLOCK_BYTES;
        qtest_set_requested(grown);
        settle(vmem);
        assert_int_equal(qtest_plugged(), grown);
        for (unsigned i = 0; i < HOLDINGS; i++) {
            held[i] = page_alloc(PAGE_ORDER_MAX, PAGE_USER);
            assert_true(held[i] != PADDR_NONE);
        }
        /* All that is held stays, all that is not goes. */
        qtest_set_requested(0);
        settle(vmem);
        assert_int_equal(qtest_plugged(), HOLDINGS * BLOCK_BYTES);
        for (unsigned i = 0; i < HOLDINGS; i++)
            page_free(held[i], PAGE_ORDER_MAX);
        settle(vmem);
        assert_int_equal(qtest_plugged(), 0);
        page_check();
    }
    vmem_get_status(vmem, &status);
    assert_int_equal(status.replies[VIRTIO_MEM_RESP_ERROR], 0);
    assert_int_equal(status.replies[VIRTIO_MEM_RESP_NACK], 0);
    assert_int_equal(vmem_detach(vmem), OK);
    transport_destroy_pci(device);
}

/* After each test, also one that failed. */
static int stop(void **state)
{
    (void)state;
    qtest_stop();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_fake_answers_as_qemu, stop),
        cmocka_unit_test_teardown(test_unknown_request_needs_a_reset, stop),
        cmocka_unit_test_teardown(test_driver_follows_the_host, stop),
    };
    if (argc > 1)
        nr_requests = strtoull(argv[1], NULL, 0);
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 0) | 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

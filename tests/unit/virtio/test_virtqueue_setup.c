/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Setting a queue up, at every size that a device may name, and taking it down;
 * what is refused leaves nothing allocated.
 */
#include "tests/unit/unit.h"

#include "drivers/virtio/core/virtio_spec.h"
#include "include/status.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_rig.h"

#define BIT(name) VIRTIO_FEATURE(VIRTIO_F_##name)

static const char *const no_names[24];
static struct fake_rig rig;

struct size_case {
    u16 max;
    u16 wanted;
    bool packed;
    int status;
    u16 size;
};

/* P13, threat 10 */
static const struct size_case size_cases[] = {
    {0, 128, false, E_NODEV, 0},   {0, 128, true, E_NODEV, 0},    {1, 128, false, OK, 1},
    {3, 128, false, E_INVAL, 0},   {3, 128, true, OK, 3},         {100, 128, true, OK, 100},
    {127, 128, false, E_INVAL, 0}, {256, 128, false, OK, 128},    {256, 100, false, OK, 64},
    {256, 100, true, OK, 100},     {1024, 1024, false, OK, 1024}, {32768, 8, false, OK, 8},
    {32769, 8, true, E_INVAL, 0},  {65535, 8, false, E_INVAL, 0}, {65535, 8, true, E_INVAL, 0},
    {49152, 8, false, E_INVAL, 0},
};

TEST(test_queue_sizes)
{
    for (unsigned i = 0; i < ARRAY_SIZE(size_cases); i++) {
        const struct size_case *test = &size_cases[i];
        struct vmem_virtio *device = &rig.transport.device;
        fake_rig_boot(&rig);
        rig.transport.queue_size_max = test->max;
        rig.transport.offered |= test->packed ? BIT(RING_PACKED) : 0;
        assert_int_equal(vmem_virtio_negotiate(device, 0, 0, no_names), OK);
        assert_int_equal(vmem_queue_create(device, 0, test->wanted, &rig.queue), test->status);
        if (test->status == OK)
            assert_int_equal(vmem_queue_size(rig.queue), test->size);
        fake_rig_stop(&rig);
    }
}

TEST(test_odd_packed_size_works)
{
    for (u16 size = 3; size < 20; size += 2) {
        fake_rig_start(&rig, BIT(RING_PACKED), size);
        for (unsigned i = 0; i < 100; i++) {
            assert_int_equal(fake_rig_add(&rig, 0, (u8)i, 4), OK);
            vmem_queue_publish(rig.queue);
            fake_rig_expect(&rig, 0, 4);
        }
        fake_rig_stop(&rig);
    }
}

/* The transport's refusal is handed on, and nothing stays allocated (fake_rig_stop checks). */
TEST(test_enable_fails)
{

    fake_rig_boot(&rig);
    rig.transport.faults.queue_enable_status = E_UNSUPPORTED;
    assert_int_equal(vmem_virtio_negotiate(&rig.transport.device, 0, 0, no_names), OK);
    assert_int_equal(vmem_queue_create(&rig.transport.device, 0, 8, &rig.queue), E_UNSUPPORTED);
    assert_null(rig.queue);
    assert_has(fake_host_lines(), "queue 0 of 8 entries was not enabled: unsupported");
    fake_rig_stop(&rig);
}

TEST(test_no_such_queue)
{
    struct virtqueue *other = NULL;

    fake_rig_boot(&rig);
    assert_int_equal(vmem_virtio_negotiate(&rig.transport.device, 0, 0, no_names), OK);
    assert_int_equal(vmem_queue_create(&rig.transport.device, 1, 8, &other), E_NODEV);
    fake_rig_stop(&rig);
}

/* Out of memory at either allocation, alone or with all that follow, leaves nothing behind. */
TEST(test_out_of_memory)
{
    static const u64 features[] = {0, BIT(RING_PACKED)};

    for (unsigned i = 0; i < 8; i++) {
        fake_rig_boot(&rig);
        rig.transport.offered |= features[i % 2];
        assert_int_equal(vmem_virtio_negotiate(&rig.transport.device, 0, 0, no_names), OK);
        u64 before = fake_host_allocated();
        fake_host_fail_after(i / 4, i / 2 % 2 != 0);
        assert_int_equal(vmem_queue_create(&rig.transport.device, 0, 64, &rig.queue), E_NOMEM);
        assert_true(fake_host_failed());
        assert_int_equal(fake_host_allocated(), before);
        fake_host_fail_after(2, true);
        assert_int_equal(vmem_queue_create(&rig.transport.device, 0, 64, &rig.queue), OK);
        assert_false(fake_host_failed());
        fake_rig_stop(&rig);
    }
}

/* Q4: a buffer of 4 GiB or more. */
TEST(test_too_long)
{
    fake_rig_start(&rig, 0, 8);
    u64 address = fake_rig_address(&rig, 0);
    struct virtqueue_piece pieces[] = {{address, 0x80000000}, {address, 0x80000000}};
    assert_int_equal(vmem_queue_add(rig.queue, pieces, 1, 1, NULL), E_INVAL);
    pieces[1].bytes--;
    assert_int_equal(vmem_queue_add(rig.queue, pieces, 1, 1, NULL), OK);
    fake_rig_stop(&rig);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI transport end to end, under the core and the rings: registers
 * and doorbells of a fake function that asserts each access.
 */
#include "tests/unit/unit.h"

#include "drivers/virtio/core/virtio_spec.h"
#include "include/status.h"
#include "kernel/transports.h"
#include "tests/fakes/fake_rig.h"
#include "tests/fakes/fake_virtio_pci.h"
#include "tests/fakes/fake_virtio_pci_setup.h"

#define BIT(name) VIRTIO_FEATURE(VIRTIO_F_##name)

/* ---- which functions are taken ---- */

TEST_WITH(test_device_types, set_up, tear_down)
{
    static const struct {
        u16 vendor;
        u16 id;
        u32 type;
    } cases[] = {
        {0x1af4, 0x1058, 24}, /* P1 */
        {0x1af4, 0x1041, 1},  {0x1af4, 0x107f, 63}, {0x1af4, 0x1045, 5},
        {0x1af4, 0x1040, 0},  {0x1af4, 0x1080, 0},  {0x1af4, 0x1002, 5},
        {0x1af4, 0x1000, 0},  {0x1af4, 0x103f, 0},  {0x8086, 0x1058, 0},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct pci_device function = {.vendor_id = cases[i].vendor, .device_id = cases[i].id};
        assert_int_equal(transport_pci_type(&function), cases[i].type);
    }
}

TEST_WITH(test_transitional_is_refused, set_up, tear_down)
{
    struct vmem_virtio *none;

    fake_pci_set(fake.function, 2, 2, 0x1000);
    assert_int_equal(transport_create_pci(fake_virtio_pci_scan(&fake), &none), E_NODEV);
    assert_has(fake_host_lines(), "1af4:1000 is a legacy or transitional virtio device");
    fake_pci_set(fake.function, 0, 2, 0x8086);
    assert_int_equal(transport_create_pci(fake_virtio_pci_scan(&fake), &none), E_NODEV);
    assert_has(fake_host_lines(), "8086:1000 is not a virtio device");
}

/* P2, P3: any revision, any subsystem. */
TEST_WITH(test_revision_and_subsystem, set_up, tear_down)
{
    fake_pci_set(fake.function, 8, 1, 0xff);
    fake_pci_set(fake.function, 0x2c, 4, 0xdeadbeef);
    assert_int_equal(attach(VMEM_IRQ_AUTO), OK);
    assert_string_equal(device->location, "pci 0000:00:04.0");
    assert_int_equal(device->device_type, VIRTIO_ID_MEM);
    fake_rig_round_trip(queue);
}

/* Nothing is held when creation fails: tear_down compares the pages. */
TEST_WITH(test_create_fails, set_up, tear_down)
{
    struct vmem_virtio *none;

    fake_virtio_pci_clear_caps(&fake);
    assert_int_equal(transport_create_pci(fake_virtio_pci_scan(&fake), &none), E_NODEV);
    fake_virtio_pci_add_cap(&fake, 0x40, 16, 1, 4, 0x8000, 64);
    assert_int_equal(transport_create_pci(fake_virtio_pci_scan(&fake), &none), E_RANGE);
}

/* ---- registers ---- */

/* Every combination of ring features over real registers; doorbells by P19, P20 and K3. */
TEST_WITH(test_end_to_end, set_up, tear_down)
{
    static const u64 features[] = {BIT(RING_PACKED), BIT(EVENT_IDX), BIT(NOTIFICATION_DATA),
                                   BIT(NOTIF_CONFIG_DATA)};

    for (unsigned i = 0; i < 1u << ARRAY_SIZE(features); i++) {
        tear_down();
        set_up();
        for (unsigned j = 0; j < ARRAY_SIZE(features); j++)
            fake.offered |= (i >> j & 1) != 0 ? features[j] : 0;
        fake.queues[0].notify_off = 5;
        fake.queues[0].notif_config_data = 0xabc;
        assert_int_equal(attach(VMEM_IRQ_AUTO), OK);
        assert_true(fake.accepted == fake.offered);
        assert_int_equal(fake.status, 0x0f);
        for (unsigned j = 0; j < 300; j++)
            fake_rig_round_trip(queue);
        assert_int_equal(fake.last_notify_at, 20);
        assert_int_equal(fake.nr_notifies, 300);
        assert_int_equal(fake.last_notify & 0xffff,
                         (fake.offered & BIT(NOTIF_CONFIG_DATA)) != 0 ? 0xabc : 0);
    }
}

/* P4: 64-bit addresses as two halves, both of them. */
TEST_WITH(test_queue_addresses, set_up, tear_down)
{
    struct virtqueue_layout layout = {.size = 64,
                                      .descriptors = 0x123456789000,
                                      .driver_area = 0xabcdef012340,
                                      .device_area = 0xfedcba987640};

    create();
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, no_names), OK);
    fake.nr_queues = 2;
    fake.queues[1].areas[0] = ~(u64)0; /* left over from before */
    fake.offered = 0;
    /* No memory is there: stop the fake from looking at the rings by letting it be packed. */
    fake.accepted |= BIT(RING_PACKED);
    assert_int_equal(device->ops->queue_size_max(device, 1), fake.size_max);
    assert_int_equal(device->ops->queue_enable(device, 1, &layout), OK);
    assert_true(fake.queues[1].areas[0] == layout.descriptors);
    assert_true(fake.queues[1].areas[1] == layout.driver_area);
    assert_true(fake.queues[1].areas[2] == layout.device_area);
    assert_int_equal(fake.queues[1].size, 64);
    assert_int_equal(fake.queues[0].enabled, 0);
}

TEST_WITH(test_config_space, set_up, tear_down)
{
    u8 snapshot[FAKE_VIRTIO_CONFIG_BYTES];

    for (unsigned i = 0; i < sizeof(snapshot); i++)
        fake.config[i] = (u8)(0xf0 - i);
    create();
    assert_int_equal(vmem_virtio_read_config(device, snapshot, 0, sizeof(snapshot)), OK);
    assert_memory_equal(snapshot, fake.config, sizeof(snapshot));
    assert_int_equal(device->ops->read_config(device, 4), 0xe9eaebec);
    device->ops->write_config(device, 4, 0x12345678);
    assert_int_equal(device->ops->read_config(device, 4), 0x12345678);
    fake.generation = 0xff;
    assert_int_equal(device->ops->config_generation(device), 0xff);
}

/* Threat 6: a device without config space, or with too little. */
TEST_WITH(test_no_config_space, set_up, tear_down)
{
    u8 snapshot[FAKE_VIRTIO_CONFIG_BYTES];

    fake_pci_set(fake.function, 0x60 + 12, 4, 0);
    create();
    assert_int_equal(device->ops->config_bytes(device), 0);
    assert_int_equal(vmem_virtio_read_config(device, snapshot, 0, sizeof(snapshot)), E_RANGE);
}

TEST_WITH(test_config_longer_than_bar_page, set_up, tear_down)
{
    fake_pci_set(fake.function, 0x60 + 12, 4, 0x2000);
    create();
    assert_int_equal(device->ops->config_bytes(device), 0x1000);
}

/* F3: fields that a shorter common structure lacks take their features with them. */
TEST_WITH(test_short_common_structure, set_up, tear_down)
{
    static const struct {
        u32 bytes;
        u64 lacking;
    } cases[] = {{56, BIT(NOTIF_CONFIG_DATA)}, {57, BIT(NOTIF_CONFIG_DATA)}, {58, 0}, {0x1000, 0}};

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        tear_down();
        set_up();
        fake_pci_set(fake.function, 0x40 + 12, 4, cases[i].bytes);
        fake.offered |= BIT(NOTIF_CONFIG_DATA);
        assert_int_equal(attach(VMEM_IRQ_AUTO), OK);
        assert_true((device->features & BIT(NOTIF_CONFIG_DATA)) ==
                    (BIT(NOTIF_CONFIG_DATA) & ~cases[i].lacking));
        fake_rig_round_trip(queue);
    }
}

/* ---- queues ---- */

/* Threat 10 */
TEST_WITH(test_queue_refusals, set_up, tear_down)
{
    for (unsigned i = 0; i < 6; i++) {
        static const int expected[] = {E_NODEV, E_NODEV, E_INVAL, E_UNSUPPORTED, E_RANGE, OK};
        tear_down();
        set_up();
        if (i == 0) {
            fake.nr_queues = 0;
            fake.size_beyond = 128;
        }
        if (i == 1)
            fake.size_max = 0;
        if (i == 2)
            fake.size_max = 100;
        if (i == 3) {
            fake.size_max = 256;
            fake.size_reads = 64; /* not what was written */
        }
        if (i == 4)
            fake.queues[0].notify_off = 0x400;
        assert_int_equal(attach(VMEM_IRQ_POLL), expected[i]);
        assert_int_equal(fake.queues[0].enabled, expected[i] == OK);
        if (expected[i] != OK)
            assert_has(fake_host_lines(), "error: dev0: ");
    }
}

TEST_WITH(test_many_queues, set_up, tear_down)
{
    fake.nr_queues = FAKE_VIRTIO_QUEUES;
    assert_int_equal(attach(VMEM_IRQ_AUTO), OK);
    assert_int_equal(device->ops->queue_size_max(device, 7), 128);
    assert_int_equal(device->ops->queue_size_max(device, 8), 0);
    assert_int_equal(device->ops->queue_size_max(device, 0xffff), 0);
    fake_rig_round_trip(queue);
}

/* Each allocation and mapping fails once, alone or with all that follow: nothing is kept. */
TEST_WITH(test_out_of_memory, set_up, tear_down)
{
    for (unsigned lasting = 0; lasting < 2; lasting++) {
        unsigned nth = 0;
        for (;; nth++) {
            struct pci_device *pci = fake_virtio_pci_scan(&fake);
            fake_host_fail_after(nth, lasting != 0);
            int status = transport_create_pci(pci, &device);
            if (!fake_host_failed())
                break;
            /* A device without config space is one, too: but not if that cannot be mapped. */
            assert_int_equal(status, E_NOMEM);
            assert_int_equal(fake_host_allocated(), 0);
        }
        assert_int_equal(nth, 8); /* its own data, and of four structures the ends and three */
        transport_destroy_pci(device);
        device = NULL;
    }
}

/* Outside the notify structure nothing is even tried to be mapped. */
TEST_WITH(test_no_doorbell_outside_its_structure, set_up, tear_down)
{
    const struct virtqueue_layout layout = {.size = 64};
    create();
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, no_names), OK);
    fake.queues[0].notify_off = 0x400;
    assert_int_equal(device->ops->queue_size_max(device, 0), fake.size_max);
    fake_host_fail_after(0, true);
    assert_int_equal(device->ops->queue_enable(device, 0, &layout), E_RANGE);
    assert_false(fake_host_failed());
}

/* A doorbell that cannot be mapped; then it can. */
TEST_WITH(test_no_memory_for_a_doorbell, set_up, tear_down)
{
    create();
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, no_names), OK);
    u64 before = fake_host_allocated();
    fake_host_fail_after(2, false);
    assert_int_equal(vmem_queue_create(device, 0, 128, &queue), E_NOMEM);
    assert_true(fake_host_failed());
    assert_int_equal(fake_host_allocated(), before);
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, no_names), OK);
    assert_int_equal(vmem_queue_create(device, 0, 128, &queue), OK);
    vmem_virtio_driver_ok(device);
    fake_rig_round_trip(queue);
}

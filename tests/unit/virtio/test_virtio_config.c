/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Config snapshots of a device that changes it under the reader, and events
 * from interrupts and from polling.
 */
#include "tests/unit/unit.h"

#include "drivers/virtio/core/virtio.h"
#include "drivers/virtio/core/virtio_spec.h"
#include "include/status.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_transport.h"

static const char *const no_names[24];
static struct fake_transport fake;
static struct vmem_virtio *const device = &fake.device;

static void set_up(void)
{
    fake_host_start();
    fake_transport_init(&fake, VIRTIO_ID_MEM, 0, 64);
    device->name = "dev0";
}

static void tear_down(void)
{
    fake_host_stop();
}

/* ---- config space ---- */

static void fill_config(u8 value)
{
    memset(fake.config, value, sizeof(fake.config));
}

TEST_WITH(test_config_snapshot, set_up, tear_down)
{
    u8 snapshot[56];

    for (unsigned i = 0; i < sizeof(snapshot); i++)
        fake.config[i] = (u8)(i * 7);
    assert_int_equal(vmem_virtio_read_config(device, snapshot, 0, sizeof(snapshot)), OK);
    assert_memory_equal(snapshot, fake.config, sizeof(snapshot));
    assert_int_equal(fake.nr_config_reads, 2 * 14);
}

/* C4, threat 6: large enough, whatever more there is; too short is refused. */
TEST_WITH(test_config_size, set_up, tear_down)
{
    u8 snapshot[64];

    fake.config_bytes = 256;
    assert_int_equal(vmem_virtio_read_config(device, snapshot, 0, 64), OK);
    fake.config_bytes = 60;
    fake_host_clear_lines();
    assert_int_equal(vmem_virtio_read_config(device, snapshot, 0, 64), E_RANGE);
    assert_has(fake_host_lines(), "its config space has 60 bytes, expected 64 or more");
    fake.config_bytes = 0;
    assert_int_equal(vmem_virtio_read_config(device, snapshot, 0, 4), E_RANGE);
}

static unsigned changes_left;
static u32 change_at;

/* A write to config space that another processor of the host does between two of our reads. */
static void change_config(struct fake_transport *transport, u32 offset)
{
    if (offset != change_at || changes_left == 0)
        return;
    changes_left--;
    u8 value = (u8)(transport->config[0] + 1);
    memset(transport->config, value, sizeof(transport->config));
    if (!transport->faults.generation_frozen)
        transport->generation++;
}

/* C1, C2, threat 18: never half old and half new, with a generation that moves or does not. */
TEST_WITH(test_config_torn, set_up, tear_down)
{
    for (unsigned i = 0; i < 2 * 14 * 4; i++) {
        u8 snapshot[56];
        memset(snapshot, 0xee, sizeof(snapshot)); /* of before: nothing of it is there any more */
        fill_config(0);
        fake.faults.on_config_read = change_config;
        fake.faults.generation_frozen = i % 2 != 0;
        changes_left = i % 4 + 1;
        change_at = i / 8 * 4;
        assert_int_equal(vmem_virtio_read_config(device, snapshot, 0, sizeof(snapshot)), OK);
        for (unsigned j = 1; j < sizeof(snapshot); j++)
            assert_int_equal(snapshot[j], snapshot[0]);
        assert_int_equal(changes_left, 0);
        assert_int_equal(snapshot[0], fake.config[0]);
    }
}

/* A snapshot that is still right costs one read of each field; what is not asked for costs none. */
TEST_WITH(test_config_unchanged, set_up, tear_down)
{
    u8 snapshot[56];
    fill_config(0);
    assert_int_equal(vmem_virtio_read_config(device, snapshot, 0, sizeof(snapshot)), OK);
    fake.nr_config_reads = 0;
    assert_int_equal(vmem_virtio_read_config(device, snapshot, 0, sizeof(snapshot)), OK);
    assert_int_equal(fake.nr_config_reads, 14);
    fake.nr_config_reads = 0;
    assert_int_equal(vmem_virtio_read_config(device, snapshot + 32, 32, 24), OK);
    assert_int_equal(fake.nr_config_reads, 6);
    assert_memory_equal(snapshot, fake.config, sizeof(snapshot));
}

/* No generation is known after a reset: a change is read once. */
TEST_WITH(test_config_after_a_reset, set_up, tear_down)
{
    u8 snapshot[56] = {0};
    fill_config(1);
    assert_int_equal(vmem_virtio_read_config(device, snapshot, 0, sizeof(snapshot)), OK);
    assert_int_equal(vmem_virtio_reset(device), OK);
    fill_config(2);
    fake.nr_config_reads = 0;
    assert_int_equal(vmem_virtio_read_config(device, snapshot, 0, sizeof(snapshot)), OK);
    assert_int_equal(fake.nr_config_reads, 14);
    assert_memory_equal(snapshot, fake.config, sizeof(snapshot));
}

/* A change for which the generation has moved is read once, one for which it has not twice. */
TEST_WITH(test_config_changed, set_up, tear_down)
{
    u8 snapshot[56] = {0};
    for (unsigned i = 0; i < 8; i++) {
        bool has_moved = i % 2 != 0;
        fill_config((u8)i);
        fake.generation += has_moved;
        fake.nr_config_reads = 0;
        assert_int_equal(vmem_virtio_read_config(device, snapshot, 0, sizeof(snapshot)), OK);
        assert_int_equal(fake.nr_config_reads, i == 0 ? 14 : has_moved ? 14 : 2 * 14);
        assert_memory_equal(snapshot, fake.config, sizeof(snapshot));
    }
    /* After a reset there is no generation to compare with, so one read is enough. */
    assert_int_equal(vmem_virtio_reset(device), OK);
    fill_config(8);
    fake.generation = 0;
    fake.nr_config_reads = 0;
    assert_int_equal(vmem_virtio_read_config(device, snapshot, 0, sizeof(snapshot)), OK);
    assert_int_equal(fake.nr_config_reads, 14);
}

/* Threat 19 */
TEST_WITH(test_config_never_still, set_up, tear_down)
{
    u8 snapshot[8];

    fake.faults.generation_runs = true;
    assert_int_equal(vmem_virtio_read_config(device, snapshot, 0, 8), E_TIMEOUT);
    assert_in_range(fake.nr_config_reads, 4, 200);
    assert_has(fake_host_lines(), "its config space changed during each of");
    fake.faults.generation_runs = false;
    fake.faults.generation_frozen = true;
    fake.faults.on_config_read = change_config;
    changes_left = 0;
    assert_int_equal(vmem_virtio_read_config(device, snapshot, 0, 8), OK); /* that it stands now */
    changes_left = ~0u;
    change_at = 4;
    fake.nr_config_reads = 0;
    assert_int_equal(vmem_virtio_read_config(device, snapshot, 0, 8), E_TIMEOUT);
    assert_in_range(fake.nr_config_reads, 4, 200);
}

/* ---- events ---- */

TEST_WITH(test_events, set_up, tear_down)
{
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, no_names), OK);
    assert_int_equal(device->ops->irq_enable(device, VMEM_IRQ_AUTO), OK);
    assert_int_equal(device->irq_mode, VMEM_IRQ_MSIX);
    assert_int_equal(vmem_virtio_take_events(device), 0);
    /* P25: one for both, and several before they are taken. */
    fake_transport_interrupt(&fake, VIRTIO_EVENT_QUEUE);
    fake_transport_interrupt(&fake, VIRTIO_EVENT_CONFIG);
    assert_int_equal(device->nr_interrupts, 2);
    assert_int_equal(vmem_virtio_take_events(device), VIRTIO_EVENT_QUEUE | VIRTIO_EVENT_CONFIG);
    assert_int_equal(vmem_virtio_take_events(device), 0);
    fake_transport_interrupt(&fake, VIRTIO_EVENT_QUEUE);
    assert_int_equal(vmem_virtio_reset(device), OK);
    assert_int_equal(vmem_virtio_take_events(device), 0);
}

TEST_WITH(test_events_polled, set_up, tear_down)
{
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, no_names), OK);
    assert_int_equal(device->ops->irq_enable(device, VMEM_IRQ_POLL), OK);
    vmem_virtio_driver_ok(device);
    fake_transport_raise_config(&fake);
    assert_int_equal(device->nr_interrupts, 0);
    assert_int_equal(vmem_virtio_take_events(device), VIRTIO_EVENT_QUEUE | VIRTIO_EVENT_CONFIG);
    assert_int_equal(vmem_virtio_take_events(device), 0);
}

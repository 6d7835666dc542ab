/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio core: status steps, features, reset, config snapshots, events.
 * The fake transport itself fails a test that breaks the order of the steps;
 * the names of clauses are those of docs/virtio-mem.md.
 */
#include "tests/unit/unit.h"

#include "drivers/virtio/core/virtio.h"
#include "drivers/virtio/core/virtio_spec.h"
#include "include/status.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_transport.h"

#define BIT(name) VIRTIO_FEATURE(VIRTIO_F_##name)
#define V1        BIT(VERSION_1)

static const char *const device_names[24] = {"FIRST", "SECOND"};

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

static void assert_broken(const char *reason)
{
    assert_true(device->broken);
    assert_int_not_equal(fake.written & VIRTIO_STATUS_FAILED, 0);
    assert_has(device->broken_reason, reason);
    assert_has(fake_host_lines(), device->broken_reason);
}

/* S1, I1, R1: the fake asserts each step. */
TEST_WITH(test_status_in_order, set_up, tear_down)
{
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, device_names), OK);
    assert_int_equal(fake.status, 0x0b);
    vmem_virtio_driver_ok(device);
    assert_int_equal(fake.status, 0x0f);
    assert_int_equal(fake.nr_resets, 1);
    assert_false(vmem_virtio_needs_reset(device));
}

struct feature_case {
    const char *name;
    u64 offered;
    u64 wanted;
    u64 required;
    u64 masked;
    u64 lacking;  /* of the transport */
    u64 accepted; /* 0: refused */
};

static const struct feature_case feature_cases[] = {
    {"G1: VERSION_1 is accepted", V1, 0, 0, 0, 0, V1},
    {"G1: no VERSION_1 is refused", 3, 3, 0, 0, 0, 0},
    {"F4: a required one is missing", V1 | 1, 3, 2, 0, 0, 0},
    {"F1: only what is offered", V1 | 1, 3, 0, 0, 0, V1 | 1},
    {"F5: only what is wanted", V1 | 0xffffff, 2, 0, 0, 0, V1 | 2},
    {"F3: unknown bits are left", V1 | 1ull << 42 | 1ull << 49 | 1ull << 63, 0, 0, 0, 0, V1},
    {"F3: high device bits can be wanted", V1 | 1ull << 51, 1ull << 51, 0, 0, 0, V1 | 1ull << 51},
    {"F3: wanting a reserved bit does not take it", V1 | BIT(SR_IOV), BIT(SR_IOV), 0, 0, 0, V1},
    {"G6: SR_IOV, RING_RESET, ADMIN_VQ, SUSPEND",
     V1 | BIT(SR_IOV) | BIT(RING_RESET) | BIT(ADMIN_VQ) | BIT(SUSPEND), 0, 0, 0, 0, V1},
    {"G2: ACCESS_PLATFORM", V1 | BIT(ACCESS_PLATFORM), 0, 0, 0, 0, V1 | BIT(ACCESS_PLATFORM)},
    {"G3: RING_PACKED", V1 | BIT(RING_PACKED), 0, 0, 0, 0, V1 | BIT(RING_PACKED)},
    {"G4: ORDER_PLATFORM", V1 | BIT(ORDER_PLATFORM), 0, 0, 0, 0, V1 | BIT(ORDER_PLATFORM)},
    {"G5: NOTIF_CONFIG_DATA", V1 | BIT(NOTIF_CONFIG_DATA), 0, 0, 0, 0, V1 | BIT(NOTIF_CONFIG_DATA)},
    {"rings, and not INDIRECT_DESC, IN_ORDER",
     V1 | BIT(INDIRECT_DESC) | BIT(EVENT_IDX) | BIT(IN_ORDER), 0, 0, 0, 0, V1 | BIT(EVENT_IDX)},
    {"masked", V1 | BIT(RING_PACKED) | 1, 1, 0, BIT(RING_PACKED) | 1, 0, V1},
    {"masked and required", V1 | 1, 1, 1, 1, 0, 0},
    {"F3: not for the transport", V1 | BIT(NOTIF_CONFIG_DATA), 0, 0, 0, BIT(NOTIF_CONFIG_DATA), V1},
};

TEST_WITH(test_features, set_up, tear_down)
{
    for (size_t i = 0; i < ARRAY_SIZE(feature_cases); i++) {
        const struct feature_case *test = &feature_cases[i];
        print_message("  %s\n", test->name);
        fake_transport_init(&fake, VIRTIO_ID_MEM, 0, 64);
        fake.offered = test->offered;
        device->features_masked = test->masked;
        device->translates_device_addresses = true;
        device->transport_features = VIRTIO_RESERVED_FEATURES & ~test->lacking;
        int status = vmem_virtio_negotiate(device, test->wanted, test->required, device_names);
        assert_int_equal(status, test->accepted ? OK : E_UNSUPPORTED);
        assert_true(device->offered == test->offered);
        if (test->accepted == 0) {
            assert_broken("does not offer what the driver needs");
            assert_int_equal(fake.written & VIRTIO_STATUS_FEATURES_OK, 0);
            continue;
        }
        assert_true(fake.accepted == test->accepted);
        assert_true(device->features == test->accepted);
        assert_false(device->broken);
    }
}

TEST_WITH(test_missing_feature_is_named, set_up, tear_down)
{
    fake.offered = V1;
    assert_int_equal(vmem_virtio_negotiate(device, 3, 2, device_names), E_UNSUPPORTED);
    assert_broken("SECOND");
    fake.offered = 0;
    assert_int_equal(vmem_virtio_negotiate(device, 3, 0, device_names), E_UNSUPPORTED);
    assert_broken("VERSION_1");
}

TEST_WITH(test_features_are_logged_by_name, set_up, tear_down)
{
    fake.offered = V1 | BIT(EVENT_IDX) | BIT(SUSPEND) | 3 | 1ull << 45;
    fake_host_want(VMEM_LOG_DEBUG);
    fake_host_clear_lines();
    assert_int_equal(vmem_virtio_negotiate(device, 1, 0, device_names), OK);
    assert_has(fake_host_lines(), "dev0: features FIRST EVENT_IDX VERSION_1; offered and not "
                                  "accepted SECOND SUSPEND bit-45\n");
    fake_host_want(VMEM_LOG_INFO);
    fake_host_clear_lines();
    assert_int_equal(vmem_virtio_negotiate(device, 1, 0, device_names), OK);
    assert_string_equal(fake_host_lines(), "");
}

TEST_WITH(test_all_feature_names_fit, set_up, tear_down)
{
    fake.offered = ~(u64)0;
    assert_int_equal(vmem_virtio_negotiate(device, 3, 0, device_names), OK);
    assert_string_equal(vmem_virtio_feature_name(VIRTIO_F_RING_PACKED, device_names),
                        "RING_PACKED");
    assert_null(vmem_virtio_feature_name(42, device_names));
    assert_null(vmem_virtio_feature_name(64, device_names));
}

/* G2: not where the host gives addresses that the device's IOMMU does not know. */
TEST_WITH(test_addresses_are_not_translated, set_up, tear_down)
{
    fake.offered = V1 | BIT(ACCESS_PLATFORM) | 1;
    assert_int_equal(vmem_virtio_negotiate(device, 1, 0, device_names), OK);
    assert_true(fake.accepted == (V1 | 1));
}

/* I1: FEATURES_OK must be re-read. */
TEST_WITH(test_features_ok_refused, set_up, tear_down)
{
    fake.faults.refuse_features_ok = true;
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, device_names), E_UNSUPPORTED);
    assert_broken("refused the features: status 0x03");
    /* S3: after FAILED only a reset; then it works. */
    fake.faults.refuse_features_ok = false;
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, device_names), OK);
    assert_false(device->broken);
    assert_string_equal(device->broken_reason, "");
}

/* Threat 9: the features are read once; what is accepted was in that one reading. */
TEST_WITH(test_features_flip, set_up, tear_down)
{
    fake.offered = V1 | BIT(RING_PACKED);
    fake.faults.features_flip = true;
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, device_names), OK);
    assert_int_equal(fake.nr_feature_reads, 1);
    assert_true(device->features == (V1 | BIT(RING_PACKED)));
}

/* ---- reset ---- */

/* R1, P15 */
TEST_WITH(test_reset_is_waited_for, set_up, tear_down)
{
    fake.faults.reset_reads = 1000;
    assert_int_equal(vmem_virtio_reset(device), OK);
    assert_int_equal(fake.reset_reads_left, 0);
}

/* Threat 8: bounded, even where the clock stands still as here. */
TEST_WITH(test_reset_never_done, set_up, tear_down)
{
    fake.faults.reset_reads = ~0u;
    assert_int_equal(vmem_virtio_reset(device), E_TIMEOUT);
    assert_broken("status still reads 0x03 after a reset, expected 0 within 1000 ms");
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, device_names), E_TIMEOUT);
    fake.faults.reset_reads = 0;
    fake.reset_reads_left = 0;
    assert_int_equal(vmem_virtio_reset(device), OK);
    assert_false(device->broken);
}

static u8 (*real_get_status)(struct vmem_virtio *);

static u8 slow_get_status(struct vmem_virtio *slow)
{
    fake_host_advance_ms(100);
    return real_get_status(slow);
}

TEST_WITH(test_reset_is_bounded_in_time, set_up, tear_down)
{
    struct virtio_transport_ops ops = *device->ops;

    real_get_status = ops.get_status;
    ops.get_status = slow_get_status;
    device->ops = &ops;
    fake.faults.reset_reads = ~0u;
    assert_int_equal(vmem_virtio_reset(device), E_TIMEOUT);
    assert_in_range(vmem_host_now_ms(), 1000, 1500);
    fake.faults.reset_reads = 5;
    assert_int_equal(vmem_virtio_reset(device), OK);
}

TEST_WITH(test_vanished_device, set_up, tear_down)
{
    fake.faults.vanished = true;
    assert_true(vmem_virtio_needs_reset(device));
    assert_int_equal(vmem_virtio_reset(device), E_NODEV);
    assert_true(device->broken);
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, device_names), E_NODEV);
}

/* S4 */
TEST_WITH(test_needs_reset, set_up, tear_down)
{
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, device_names), OK);
    vmem_virtio_driver_ok(device);
    fake_transport_fail(&fake);
    assert_true(vmem_virtio_needs_reset(device));
    assert_int_equal(vmem_virtio_reset(device), OK);
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, device_names), OK);
    assert_false(vmem_virtio_needs_reset(device));
    fake.status = 0;
    assert_true(vmem_virtio_needs_reset(device));
}

/* S2: a NEEDS_RESET that the device set between two steps is not cleared. */
TEST_WITH(test_needs_reset_between_steps, set_up, tear_down)
{
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, device_names), OK);
    fake.status |= VIRTIO_STATUS_NEEDS_RESET;
    vmem_virtio_driver_ok(device);
    assert_int_equal(fake.status, 0x4f);
    assert_true(vmem_virtio_needs_reset(device));
}

static u8 failing_get_status(struct vmem_virtio *failing)
{
    if ((fake.status & VIRTIO_STATUS_FEATURES_OK) != 0)
        fake.status |= VIRTIO_STATUS_NEEDS_RESET;
    return real_get_status(failing);
}

TEST_WITH(test_needs_reset_at_features_ok, set_up, tear_down)
{
    struct virtio_transport_ops ops = *device->ops;

    real_get_status = ops.get_status;
    ops.get_status = failing_get_status;
    device->ops = &ops;
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, device_names), E_UNSUPPORTED);
    assert_broken("refused the features: status 0x4b");
    assert_int_equal(fake.status, 0xcb); /* S2 */
}

TEST_WITH(test_break_keeps_first_reason, set_up, tear_down)
{
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, device_names), OK);
    vmem_virtio_break(device, "reason %u", 1);
    vmem_virtio_break(device, "reason %u", 2);
    assert_broken("reason 1");
    assert_string_equal(device->broken_reason, "reason 1");
    assert_has(fake_host_lines(), "error: dev0: the device is no longer used: reason 1");
    assert_has(fake_host_lines(), "reason 2");
    char longer[2 * VIRTIO_REASON_BYTES];
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(vmem_virtio_reset(device), OK);
    vmem_virtio_break(device, "%s", longer);
    assert_int_equal(strlen(device->broken_reason), VIRTIO_REASON_BYTES - 1);
}

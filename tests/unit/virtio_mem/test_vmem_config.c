/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory device's config: what is decoded, and each value that must be
 * refused, with the reason that a person reads.
 */
#include "drivers/virtio/mem/config.h"
#include "include/units.h"
#include "tests/unit/unit.h"

#define LIMIT ((u64)1 << 46)

static struct vmem_config good(void)
{
    return (struct vmem_config){
        .block_bytes = 2 * MIB,
        .region_base = 4 * GIB,
        .region_bytes = 8 * GIB,
        .usable_bytes = 1 * GIB,
        .plugged_bytes = 512 * MIB,
        .requested_bytes = 768 * MIB,
    };
}

TEST(test_decode)
{
    struct virtio_mem_config_abi abi = {
        .block_size = vmem_to_le64(1),
        .node_id = vmem_to_le16(2),
        .padding = {9, 9, 9, 9, 9, 9},
        .addr = vmem_to_le64(3),
        .region_size = vmem_to_le64(4),
        .usable_region_size = vmem_to_le64(5),
        .plugged_size = vmem_to_le64(6),
        .requested_size = vmem_to_le64(7),
    };
    struct vmem_config config;
    vmem_config_decode(&abi, true, &config);
    assert_int_equal(config.block_bytes, 1);
    assert_int_equal(config.node_id, 2);
    assert_int_equal(config.region_base, 3);
    assert_int_equal(config.region_bytes, 4);
    assert_int_equal(config.usable_bytes, 5);
    assert_int_equal(config.plugged_bytes, 6);
    assert_int_equal(config.requested_bytes, 7);
}

/* M3: without ACPI_PXM the node_id is garbage. */
TEST(test_node_needs_pxm)
{
    struct virtio_mem_config_abi abi = {.node_id = vmem_to_le16(0xffff)};
    struct vmem_config config;
    vmem_config_decode(&abi, false, &config);
    assert_int_equal(config.node_id, 0);
}

static void expect_valid(const struct vmem_config *config)
{
    char reason[VMEM_REASON_BYTES];
    const char *bad = vmem_config_check(config, LIMIT, reason, sizeof(reason));
    if (bad)
        fail_msg("refused: %s", bad);
}

TEST(test_valid)
{
    struct vmem_config config = good();
    expect_valid(&config);
    config.usable_bytes = 0; /* Firecracker: below requested_size after UNPLUG ALL */
    expect_valid(&config);
    config = good();
    config.region_base = LIMIT - config.region_bytes; /* ends at the limit */
    expect_valid(&config);
    config = good();
    config.block_bytes = 4096;
    expect_valid(&config);
    config.region_bytes = VMEM_BLOCKS_MAX * 4096;
    expect_valid(&config);
    config = (struct vmem_config){.block_bytes = 2 * MIB}; /* a region of no bytes is allowed */
    expect_valid(&config);
}

/* No power of two: sizes are whole blocks, and addr whole pages, for blocks are counted from it. */
TEST(test_odd_blocks)
{
    char reason[VMEM_REASON_BYTES];
    static const u64 block_sizes[] = {12 * KIB, 3 * MIB, 5 * GIB, 5 * GIB + 4 * KIB};
    for (unsigned i = 0; i < ARRAY_SIZE(block_sizes); i++) {
        u64 block = block_sizes[i];
        struct vmem_config config = {.block_bytes = block,
                                     .region_base = 4 * GIB + 4 * KIB,
                                     .region_bytes = 9 * block,
                                     .usable_bytes = 7 * block,
                                     .plugged_bytes = 3 * block,
                                     .requested_bytes = 5 * block};
        expect_valid(&config);
        assert_true(vmem_config_is_block_odd(&config));
        config.requested_bytes += 4 * KIB;
        assert_has(vmem_config_check(&config, LIMIT, reason, sizeof(reason)), "requested_size");
        config.requested_bytes = 0;
        config.region_base += 2048;
        assert_has(vmem_config_check(&config, LIMIT, reason, sizeof(reason)),
                   "addr 0x100001800 is not a multiple of a page, 0x1000");
    }
    struct vmem_config even = good();
    assert_false(vmem_config_is_block_odd(&even));
}

struct refused {
    size_t field;
    u64 value;
    const char *reason;
};

#define CASE(field, value, reason)                             \
    {                                                          \
        offsetof(struct vmem_config, field), (value), (reason) \
    }

/* Each case is one field of good() that is another; `before`: the config until now, or NULL. */
static void expect_refused(const struct refused *cases, size_t nr_cases,
                           const struct vmem_config *before)
{
    for (size_t i = 0; i < nr_cases; i++) {
        struct vmem_config config = good();
        char reason[VMEM_REASON_BYTES];
        memcpy((char *)&config + cases[i].field, &cases[i].value, sizeof(u64));
        const char *bad = before ? vmem_config_check_update(&config, before, reason, sizeof(reason))
                                 : vmem_config_check(&config, LIMIT, reason, sizeof(reason));
        if (!bad || !strstr(bad, cases[i].reason))
            fail_msg("case %zu: '%s', expected '%s'", i, bad ? bad : "(valid)", cases[i].reason);
    }
}

TEST(test_refused)
{
    static const struct refused cases[] = {
        CASE(block_bytes, 0, "block_size 0x0 is not a multiple of 4096 bytes"),
        CASE(block_bytes, 2048, "block_size 0x800 is not a multiple of 4096 bytes"),
        CASE(block_bytes, 3 * MIB + 1, "block_size 0x300001 is not a multiple of 4096 bytes"),
        CASE(block_bytes, 3 * MIB, "region_size 0x200000000 is not a multiple of block_size"),
        CASE(block_bytes, (u64)1 << 63, "addr 0x100000000 is not a multiple"),
        CASE(region_base, 0, "addr is 0"),
        CASE(region_base, 4 * GIB + MIB, "addr 0x100100000 is not a multiple of block_size"),
        CASE(region_bytes, 8 * GIB + 1, "region_size 0x200000001 is not a multiple"),
        CASE(region_base, LIMIT - 4 * GIB, "ends above"),
        CASE(region_base, LIMIT, "ends above"),
        CASE(region_base, ~(u64)0 << 30, "ends above"), /* wraps */
        CASE(region_bytes, ~(u64)0 << 30, "ends above"),
        CASE(region_bytes, (VMEM_BLOCKS_MAX + 1) * 2 * MIB, "more than 16777216"),
        CASE(usable_bytes, GIB + 4096, "usable_region_size 0x40001000 is not a multiple"),
        CASE(usable_bytes, 16 * GIB, "usable_region_size 0x400000000 is above region_size"),
        CASE(plugged_bytes, MIB, "plugged_size 0x100000 is not a multiple"),
        CASE(plugged_bytes, 9 * GIB, "plugged_size 0x240000000 is above region_size"),
        CASE(requested_bytes, 1, "requested_size 0x1 is not a multiple"),
        CASE(requested_bytes, ~(u64)0 << 30, "is above region_size"),
    };
    expect_refused(cases, ARRAY_SIZE(cases), NULL);
}

TEST(test_update)
{
    static const struct refused cases[] = {
        CASE(block_bytes, 4 * MIB, "block_size changed from 0x200000 to 0x400000"),
        CASE(region_base, 12 * GIB, "addr changed"),
        CASE(region_bytes, 16 * GIB, "region_size changed"),
        CASE(requested_bytes, 4096, "requested_size 0x1000 is not a multiple"),
    };
    const struct vmem_config before = good();
    struct vmem_config now = good();
    char reason[VMEM_REASON_BYTES];

    now.requested_bytes = 0;
    now.usable_bytes = 0; /* by UNPLUG ALL */
    now.plugged_bytes = 0;
    assert_null(vmem_config_check_update(&now, &before, reason, sizeof(reason)));
    expect_refused(cases, ARRAY_SIZE(cases), &before);
    now.node_id = 1;
    assert_has(vmem_config_check_update(&now, &before, reason, sizeof(reason)), "node_id changed");
}

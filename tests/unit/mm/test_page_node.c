/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory of a given node. */

#include "extras/numa/node.h"
#include "include/status.h"
#include "include/units.h"
#include "mm/early.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"
#include "tests/fakes/fake_mm.h"
#include "tests/unit/unit.h"

#define BASE_OF(node) ((4 + (node)) * GIB)

static struct boot_info boot;

static void setup(void)
{
    fake_mm_start(&boot, 16 * MIB);
    for (u32 node = 0; node < 3; node++) {
        assert_int_equal(hotplug_add_region(BASE_OF(node), GIB, MIB, node, "node"), OK);
        assert_int_equal(hotplug_online(BASE_OF(node) + MIB, 9 * MIB), OK);
    }
}

static void teardown(void)
{
    page_check();
    fake_shutdown();
}

TEST_WITH(a_node_gives_its_own, setup, teardown)
{
    static const unsigned orders[] = {0, 3, 9, 0, 8, 5, 9};
    paddr_t pages[3][ARRAY_SIZE(orders)];
    for (unsigned i = 0; i < ARRAY_SIZE(orders); i++) {
        for (u32 node = 0; node < 3; node++) {
            pages[node][i] = page_alloc_on_node(orders[i], node);
            assert_true(pages[node][i] >= BASE_OF(node) && pages[node][i] < BASE_OF(node) + GIB);
            page_check();
        }
    }
    assert_int_equal(page_alloc_on_node(0, 3), PADDR_NONE);
    for (unsigned i = 0; i < ARRAY_SIZE(orders); i++) {
        for (u32 node = 0; node < 3; node++)
            page_free(pages[node][i], orders[i]);
    }
    assert_int_equal(hotplug_used_frames(BASE_OF(1), GIB), 0);
}

TEST_WITH(a_full_node_gives_nothing, setup, teardown)
{
    u64 frames = 0;
    while (page_alloc_on_node(2, 1) != PADDR_NONE)
        frames += 4;
    while (page_alloc_on_node(0, 1) != PADDR_NONE)
        frames++;
    /* The partial pageblock at the start counts as well: 1 MiB of it is there. */
    assert_int_equal(frames, 9 * MIB / PAGE_BYTES);
    assert_int_equal(hotplug_used_frames(BASE_OF(0), GIB), 0);
    assert_int_equal(hotplug_used_frames(BASE_OF(2), GIB), 0);
}

/* Boot RAM of 16 MiB: its second half is node 2's by firmware, as the first region is node 0's. */
TEST_WITH(boot_ram_has_nodes_too, setup, teardown)
{
    static const struct platform_node_range nodes[] = {
        {.base = 0, .bytes = FAKE_RAM_BASE + 8 * MIB, .node_id = 7},
        {.base = FAKE_RAM_BASE + 8 * MIB, .bytes = 8 * MIB, .node_id = 2},
        {.base = 4 * GIB, .bytes = ~(u64)0 - 4 * GIB, .node_id = 9, .is_hotplug = true},
    };
    fake_shutdown();
    fake_boot(&boot, 16 * MIB);
    fake_set_nodes(nodes, ARRAY_SIZE(nodes));
    early_init(&boot);
    page_init(&boot);
    node_init();
    assert_int_equal(node_of(FAKE_RAM_BASE + 8 * MIB - 1), 7);
    assert_int_equal(node_of(FAKE_RAM_BASE + 8 * MIB), 2);
    assert_int_equal(node_of(FAKE_RAM_BASE + 16 * MIB), 0);
    assert_int_equal(node_of(5 * GIB), 9);
    assert_int_equal(hotplug_add_region(5 * GIB, GIB, MIB, 2, "two"), OK);
    assert_int_equal(hotplug_online(5 * GIB, 2 * MIB), OK);

    assert_int_equal(page_alloc_on_node(9, 2), 5 * GIB); /* plugged memory first */
    for (unsigned i = 0; i < 4; i++) {
        paddr_t paddr = page_alloc_on_node(i == 3 ? 9 : i, 2);
        assert_true(paddr >= FAKE_RAM_BASE + 8 * MIB && paddr < FAKE_RAM_BASE + 16 * MIB);
        page_check();
    }
    paddr_t paddr = page_alloc_on_node(0, 7);
    assert_true(paddr >= FAKE_RAM_BASE && paddr < FAKE_RAM_BASE + 8 * MIB);
    assert_int_equal(page_alloc_on_node(0, 9), PADDR_NONE); /* a node, and no memory in it */
    assert_int_equal(page_alloc_on_node(0, 0), PADDR_NONE);

    u64 nr_frames = 0; /* nothing of another node */
    while ((paddr = page_alloc_on_node(0, 2)) != PADDR_NONE) {
        assert_true(paddr >= FAKE_RAM_BASE + 8 * MIB);
        nr_frames++;
    }
    assert_in_range(nr_frames, 3 * MIB / PAGE_BYTES, 6 * MIB / PAGE_BYTES);
    while (page_alloc_on_node(0, 7) != PADDR_NONE)
        ;
    nr_frames = 0; /* the reserve is left, whichever node is asked */
    while (page_alloc(0, PAGE_KERNEL) != PADDR_NONE)
        nr_frames++;
    assert_in_range(nr_frames, 512, 3 * 512);
}

TEST_WITH(without_firmware_all_is_node_0, setup, teardown)
{
    assert_int_equal(node_of(FAKE_RAM_BASE), 0);
    while (page_alloc_on_node(9, 0) >= BASE_OF(0))
        ;
    paddr_t paddr = page_alloc_on_node(9, 0);
    assert_true(paddr >= FAKE_RAM_BASE && paddr < FAKE_RAM_BASE + 16 * MIB);
}

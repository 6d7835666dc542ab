/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtual areas: where they lie, what they are made of, what is refused, and what a failure leaves.
 */

#include "asm/cpu.h"
#include "asm/vm.h"
#include "extras/vm/heap.h"
#include "extras/vm/vm.h"
#include "extras/vm/vm_paging.h"
#include "include/status.h"
#include "include/units.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"
#include "tests/fakes/fake_mm.h"
#include "tests/fakes/fake_vm.h"
#include "tests/unit/unit.h"

#define REGION_BASE ((paddr_t)0x200000000000)
#define REGION      (512 * MIB)

static struct boot_info boot;
static struct page_stats at_first;
static void *first; /* one page, so that small pages have an area of theirs, and a bitmap */

static void setup(void)
{
    fake_mm_start(&boot, 16 * MIB);
    fake_vm_start();
    fake_online(REGION_BASE, REGION, 2 * MIB);
    first = vm_alloc(PAGE_BYTES, "first");
    page_get_stats(&at_first);
}

static void teardown(void)
{
    page_check();
    fake_unback(REGION_BASE, REGION);
    fake_vm_stop();
    fake_shutdown();
}

/* Nothing is in use but what was at first. */
static void assert_nothing_is_left_but(u64 bytes)
{
    struct page_stats stats;
    struct vm_stats vm;
    page_get_stats(&stats);
    vm_get_stats(&vm);
    assert_int_equal(stats.plugged_used, at_first.plugged_used);
    assert_int_equal(stats.boot_used, at_first.boot_used);
    assert_int_equal(stats.metadata_bytes, at_first.metadata_bytes);
    assert_int_equal(vm.nr_areas, bytes == 0 ? 1 : 2);
    assert_int_equal(vm.bytes, PAGE_BYTES + bytes);
    assert_int_equal(fake_vm_mapped_bytes(), PAGE_BYTES + bytes);
    vm_check();
}

static void assert_nothing_is_left(void)
{
    assert_nothing_is_left_but(0);
}

static struct vm_area_info info_of(const void *area)
{
    struct vm_area_info info;
    assert_true(vm_next((const u8 *)area - 1, &info));
    assert_ptr_equal(info.base, area);
    return info;
}

static void fill(void *area, u64 bytes)
{
    for (u64 *word = area; bytes > 0; word++, bytes -= sizeof(*word))
        *word = (uintptr_t)word;
}

static void check(const void *area, u64 bytes)
{
    for (const u64 *word = area; bytes > 0; word++, bytes -= sizeof(*word))
        assert_int_equal(*word, (uintptr_t)word);
}

TEST_WITH(areas_of_every_size, setup, teardown)
{
    static const u64 sizes[] = {1,           8,       PAGE_BYTES,           PAGE_BYTES + 1,
                                300 * KIB,   2 * MIB, 2 * MIB - PAGE_BYTES, 2 * MIB + PAGE_BYTES,
                                7 * MIB + 5, 32 * MIB};
    void *areas[ARRAY_SIZE(sizes)];
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        areas[i] = vm_alloc(sizes[i], "sizes");
        assert_non_null(areas[i]);
        struct vm_area_info info = info_of(areas[i]);
        assert_int_equal(info.bytes, align_up(sizes[i], PAGE_BYTES));
        assert_string_equal(info.name, "sizes");
        assert_int_equal(info.nr_large, info.bytes / (2 * MIB));
        assert_int_equal(info.nr_small, info.bytes % (2 * MIB) / PAGE_BYTES);
        assert_true(is_aligned((uintptr_t)areas[i], sizes[i] >= 2 * MIB ? 2 * MIB : PAGE_BYTES));
        fill(areas[i], info.bytes);
        vm_check();
    }
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
        check(areas[i], align_up(sizes[i], PAGE_BYTES));
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
        vm_free(areas[i * 3 % ARRAY_SIZE(sizes)]);
    assert_nothing_is_left();
}

/* Where no 2 MiB are idle but enough frames are free, an area is made of frames. */
TEST_WITH(single_pages_where_memory_is_in_pieces, setup, teardown)
{
    while (page_alloc(PAGE_ORDER_MAX, PAGE_USER) != PADDR_NONE)
        ;
    u8 *area = vm_alloc(2 * MIB - PAGE_BYTES, "pieces");
    assert_non_null(area);
    vm_free(area);
    page_free(REGION_BASE + 8 * MIB, PAGE_ORDER_MAX);
    area = vm_alloc(3 * MIB, "pieces");
    assert_non_null(area);
    assert_int_equal(info_of(area).nr_large, 1);
    assert_int_equal(info_of(area).nr_small, 256);
    fill(area, 3 * MIB);
    vm_check();
    assert_null(vm_alloc(2 * MIB, "too much"));
    check(area, 3 * MIB);
    vm_free(area);
}

TEST_WITH(sizes_that_are_refused, setup, teardown)
{
    assert_null(vm_alloc(0, "none"));
    assert_null(vm_alloc(~(u64)0, "wraps"));
    assert_null(vm_alloc(VM_BYTES + 1, "larger than the window"));
    assert_null(vm_alloc(VM_BYTES, "no room for guards"));
    assert_null(vm_alloc(VM_BYTES - PAGE_BYTES, "no room for one"));
    vm_free(NULL);
    assert_nothing_is_left();
}

TEST_WITH(the_window_is_full, setup, teardown)
{
    static void *areas[100];
    unsigned nr = 0;
    while ((areas[nr] = vm_alloc(4 * MIB, "window")) != NULL)
        nr++;
    assert_int_equal(nr, (VM_BYTES / MIB - 2) / 6); /* each begins at 2 MiB and has a guard */
    vm_check();
    /* A hole is found wherever it is. */
    vm_free(areas[nr / 2]);
    assert_null(vm_alloc(6 * MIB, "window"));
    assert_ptr_equal(vm_alloc(4 * MIB, "window"), areas[nr / 2]);
    for (unsigned i = 0; i < nr; i++)
        vm_free(areas[i]);
    assert_nothing_is_left();
    void *all = vm_alloc(VM_BYTES - 4 * MIB, "all");
    assert_non_null(all);
    vm_free(all);
    assert_nothing_is_left();
}

/* An address that was freed comes back only when the window has been gone through. */
TEST_WITH(addresses_rest, setup, teardown)
{
    void *last = vm_alloc(MIB, "rest");
    vm_free(last);
    for (unsigned i = 0; i < 200; i++) {
        void *area = vm_alloc(MIB, "rest");
        assert_true(area > last);
        last = area;
        vm_free(area);
    }
    unsigned rounds = 0;
    for (; vm_alloc(16 * MIB, "more") > last; rounds++)
        assert_true(rounds < VM_BYTES / (16 * MIB));
}

/* With any amount of memory left, vm_alloc() gives the area, or nothing and keeps nothing. */
TEST_WITH(memory_is_out_at_each_step, setup, teardown)
{
    static paddr_t kernel_frames[16];
    u64 nr_failed = 0;
    u64 nr_done = 0;
    void *rest = vm_alloc(511 * PAGE_BYTES, "the rest of the small pages' 2 MiB");
    for (unsigned i = 0; i < ARRAY_SIZE(kernel_frames); i++)
        kernel_frames[i] = page_alloc(0, PAGE_BOOT_FIRST);
    while (page_alloc(PAGE_ORDER_MAX, PAGE_USER) != PADDR_NONE)
        ;
    while (page_alloc(0, PAGE_BOOT_FIRST) != PADDR_NONE)
        ;
    for (unsigned areas = 0; areas < 4; areas++) {
        for (unsigned frames = 0; frames < ARRAY_SIZE(kernel_frames); frames++) {
            page_get_stats(&at_first);
            void *area = vm_alloc(3 * MIB + PAGE_BYTES, "out");
            nr_failed += area == NULL;
            nr_done += area != NULL;
            vm_check();
            vm_free(area);
            assert_nothing_is_left_but(511 * PAGE_BYTES);
            page_check();
            if (kernel_frames[frames] != PADDR_NONE)
                page_free(kernel_frames[frames], 0);
        }
        for (unsigned frames = 0; frames < ARRAY_SIZE(kernel_frames); frames++)
            kernel_frames[frames] = page_alloc(0, PAGE_BOOT_FIRST); /* a bitmap may have one */
        page_free(REGION_BASE + (areas + 1) * 2 * MIB, PAGE_ORDER_MAX);
    }
    vm_free(rest);
    assert_true(nr_failed >= 16 && nr_done >= 16);
}

TEST_WITH(tables_are_out_at_each_step, setup, teardown)
{
    unsigned nr_failed = 0;
    for (i64 calls = 0;; calls++) {
        fake_vm_fail_map_after(calls);
        void *area = vm_alloc(2 * MIB + 5 * PAGE_BYTES, "tables");
        if (!area) {
            nr_failed++;
            assert_nothing_is_left();
            continue;
        }
        vm_check();
        fake_vm_fail_map_after(-1);
        vm_free(area);
        break;
    }
    assert_int_equal(nr_failed, 1 + 5);
    assert_nothing_is_left();
}

/* As vm.h promises: 12 bytes a page, with the page tables' 8, and a few frames. */
TEST_WITH(metadata_is_counted_and_small, setup, teardown)
{
    struct vm_stats vm;
    struct page_stats stats;
    void *area = vm_alloc(248 * MIB, "large");
    vm_get_stats(&vm);
    assert_int_equal(vm.metadata_bytes, 6 * PAGE_BYTES); /* three are the small pages' */
    page_get_stats(&stats);
    assert_int_equal(stats.metadata_bytes, at_first.metadata_bytes + 3 * PAGE_BYTES);
    vm_free(area);
    for (unsigned i = 0; i < 64; i++)
        assert_non_null(vm_alloc(2 * MIB - PAGE_BYTES, "small"));
    vm_get_stats(&vm);
    u64 nr_pages = 64 * 511 + 1;
    assert_true(vm.metadata_bytes >= 4 * nr_pages);
    assert_true(vm.metadata_bytes <= 4 * nr_pages + 5 * PAGE_BYTES);
    assert_int_equal(vm.nr_areas, 65);
    assert_int_equal(vm.bytes, nr_pages * PAGE_BYTES);
}

TEST_WITH(a_double_free, setup, teardown)
{
    void *area = vm_alloc(MIB, "twice");
    vm_free(area);
    assert_panics(vm_free(area), "vm_free: 0x300000003000: already free");
}

TEST_WITH(a_free_inside, setup, teardown)
{
    u8 *area = vm_alloc(MIB, "inside");
    assert_panics(vm_free(area + PAGE_BYTES), "vm_free: 0x300000004000: no area begins there");
}

TEST_WITH(another_processor, setup, teardown)
{
    void *area = vm_alloc(MIB, "mine");
    fake_cpu_id = 3;
    assert_panics(vm_free(area), "vm: called on cpu 3");
    assert_panics((void)!vm_alloc(MIB, "theirs"), "vm: called on cpu 3");
    fake_cpu_id = 0;
    vm_free(area);
    assert_nothing_is_left();
}

static void assert_described(u64 address, const char *expected)
{
    char text[128];
    assert_true(vm_describe(address, text, sizeof(text)));
    assert_string_equal(text, expected);
}

TEST_WITH(addresses_are_described, setup, teardown)
{
    char text[128];
    assert_described(VM_BASE, "guard page below vm area 'first' (4K from 0x300000001000)");
    u64 one = (uintptr_t)vm_alloc(2 * PAGE_BYTES, "one");
    u64 two = (uintptr_t)vm_alloc(64 * MIB, "two");
    assert_described(one, "in vm area 'one' (8K from 0x300000003000)");
    assert_described(one + 2 * PAGE_BYTES - 1, "in vm area 'one' (8K from 0x300000003000)");
    assert_described(one + 2 * PAGE_BYTES,
                     "guard page above vm area 'one' (8K from 0x300000003000)");
    assert_described(one - 1, "guard page above vm area 'first' (4K from 0x300000001000)");
    assert_described(two - 1, "guard page below vm area 'two' (64M from 0x300000200000)");
    assert_described(two - PAGE_BYTES - 1, "no vm area is there");
    vm_free((void *)(uintptr_t)two);
    assert_described(two + 5 * MIB, "in the freed vm area 'two' (64M from 0x300000200000)");
    assert_described(two + 64 * MIB, "no vm area is there");
    assert_false(vm_describe(VM_BASE - 1, text, sizeof(text)));
    assert_false(vm_describe(VM_BASE + VM_BYTES, text, sizeof(text)));
    assert_false(vm_describe(REGION_BASE, text, sizeof(text)));
}

/* vm_check() finds that something else has changed a mapping. */
TEST_WITH(a_lost_page_is_found, setup, teardown)
{
    u64 area = (uintptr_t)vm_alloc(MIB, "lost");
    platform_vm_unmap(area + 5 * PAGE_BYTES, PAGE_BYTES);
    assert_panics(vm_check(), "vm_check: 0x300000008000: the frame does not lead back");
}

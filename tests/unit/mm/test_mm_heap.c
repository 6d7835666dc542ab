/* SPDX-License-Identifier: BSD-2-Clause */
/* The small-object heap: no two objects overlap, frames come back, faults are found. */
#include <string.h>

#include "extras/vm/heap.h"
#include "include/units.h"
#include "mm/page.h"
#include "tests/fakes/fake_mm.h"
#include "tests/unit/unit.h"

static struct boot_info boot;

static void setup(void)
{
    fake_mm_start(&boot, 16 * MIB);
    heap_init();
}

static void teardown(void)
{
    page_check();
    fake_shutdown();
}

/* Frames in use that are not the allocator's own. */
static u64 heap_frames(void)
{
    struct page_stats stats;

    page_get_stats(&stats);
    return stats.boot_used - stats.metadata_bytes / PAGE_BYTES;
}

TEST_WITH(objects_of_every_size, setup, teardown)
{
    static const size_t sizes[] = {1,    24,   32,   33,   64,   100,  128,   200,    256,    500,
                                   1000, 1024, 1025, 4096, 4097, 9000, 65536, 100000, 1 << 20};
    u8 *objects[ARRAY_SIZE(sizes)][8];
    u64 frames_before = heap_frames();
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        for (unsigned k = 0; k < 8 && (sizes[i] < 100000 || k < 1); k++) {
            objects[i][k] = heap_alloc(sizes[i]);
            assert_non_null(objects[i][k]);
            memset(objects[i][k], (int)(i * 8 + k), sizes[i]);
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        for (unsigned k = 0; k < 8 && (sizes[i] < 100000 || k < 1); k++) {
            for (size_t byte = 0; byte < sizes[i]; byte++)
                assert_int_equal(objects[i][k][byte], (u8)(i * 8 + k));
            heap_free(objects[i][k], sizes[i]);
        }
    }
    assert_int_equal(heap_frames(), frames_before);
}

TEST_WITH(frames_are_shared_and_come_back, setup, teardown)
{
    static void *objects[1000];
    u64 frames_before = heap_frames();
    for (unsigned i = 0; i < 1000; i++)
        assert_non_null(objects[i] = heap_alloc(32));
    assert_int_equal(heap_frames() - frames_before, 8); /* 126 in a frame */
    for (unsigned i = 0; i < 1000; i++)
        heap_free(objects[i * 7 % 1000], 32);
    assert_int_equal(heap_frames(), frames_before);
}

TEST_WITH(nothing_for_nothing, setup, teardown)
{
    assert_null(heap_alloc(0));
    assert_null(heap_alloc(HEAP_BYTES_MAX + 1));
    heap_free(NULL, 10);
    while (page_alloc(0, PAGE_KERNEL) != PADDR_NONE)
        ;
    assert_null(heap_alloc(40));
    assert_null(heap_alloc(5000));
}

TEST_WITH(bad_frees_panic, setup, teardown)
{
    u8 *object = heap_alloc(100);
    u8 *other = heap_alloc(100);
    assert_non_null(other);
    heap_free(object, 100);
    assert_panics(heap_free(object, 100), "already free");
    heap_free(other, 100);
    assert_panics(heap_free(other, 100), "no such object"); /* its frame has gone */
}

/* The head of a frame is no object, though the smallest class has a place under its end. */
TEST_WITH(a_frames_head_is_no_object, setup, teardown)
{
    u8 *object = heap_alloc(32);
    u8 *frame = (u8 *)align_down((uintptr_t)object, PAGE_BYTES);
    assert_panics(heap_free(frame + 32, 32), "no such object");
}

TEST_WITH(wrong_sizes_panic, setup, teardown)
{
    u8 *object = heap_alloc(100);
    assert_panics(heap_free(object, 200), "no such object");
}

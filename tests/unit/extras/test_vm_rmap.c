/* SPDX-License-Identifier: BSD-2-Clause */
/* The way back from a frame: a random walk against an array, exhaustion, and that frames come back.
 */
#include "extras/vm/vm_rmap.h"
#include "include/status.h"
#include "include/units.h"
#include "mm/page.h"
#include "tests/fakes/fake_mm.h"
#include "tests/unit/unit.h"

#define NR_NUMBERS 4096

static struct boot_info boot;
static struct vm_rmap reverse;
static u32 model[NR_NUMBERS];

static void setup(void)
{
    fake_mm_start(&boot, 16 * MIB);
    memset(&reverse, 0, sizeof(reverse));
    memset(model, 0, sizeof(model));
}

static void teardown(void)
{
    page_check();
    fake_shutdown();
}

/* Clusters of numbers over the whole range. */
static u64 number_of(u64 index)
{
    return (index / 64) * (VM_RMAP_NUMBERS / 64) + index % 64 * (index / 64 + 1) * 7;
}

TEST_WITH(as_an_array, setup, teardown)
{
    u64 random = 99;
    u64 nr_values = 0;
    for (unsigned step = 0; step < 100000; step++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        u64 index = (random >> 33) % NR_NUMBERS;
        assert_int_equal(vm_rmap_get(&reverse, number_of(index)), model[index]);
        if (model[index] != 0) {
            vm_rmap_clear(&reverse, number_of(index));
            model[index] = 0;
            nr_values--;
        } else if (step < 50000 || step % 4 == 0) {
            model[index] = (u32)(random >> 20) | 1;
            assert_int_equal(vm_rmap_set(&reverse, number_of(index), model[index]), OK);
            nr_values++;
        }
        assert_int_equal(reverse.nr_values, nr_values);
    }
    for (unsigned i = 0; i < NR_NUMBERS; i++) {
        assert_int_equal(vm_rmap_get(&reverse, number_of(i)), model[i]);
        if (model[i] != 0)
            vm_rmap_clear(&reverse, number_of(i));
    }
    assert_int_equal(reverse.nr_frames, 0);
    for (unsigned i = 0; i < VM_RMAP_ROOT_ENTRIES; i++)
        assert_int_equal(reverse.root[i], 0);
}

TEST_WITH(no_frames, setup, teardown)
{
    paddr_t frames[3] = {page_alloc(0, PAGE_BOOT_FIRST), page_alloc(0, PAGE_BOOT_FIRST),
                         page_alloc(0, PAGE_BOOT_FIRST)};
    while (page_alloc(0, PAGE_BOOT_FIRST) != PADDR_NONE)
        ;
    for (unsigned free = 0; free < 3; free++) {
        assert_int_equal(vm_rmap_set(&reverse, 123456789, 1), E_NOMEM);
        assert_int_equal(reverse.nr_frames, 0);
        assert_int_equal(vm_rmap_get(&reverse, 123456789), 0);
        page_free(frames[free], 0);
    }
    assert_int_equal(vm_rmap_set(&reverse, 123456789, 1), OK);
    assert_int_equal(reverse.nr_frames, 3);
    assert_int_equal(page_alloc(0, PAGE_BOOT_FIRST), PADDR_NONE);
    /* Nodes that are there need no memory. */
    assert_int_equal(vm_rmap_set(&reverse, 123456790, 2), OK);
    assert_int_equal(vm_rmap_set(&reverse, 1, 2), E_NOMEM);
    assert_int_equal(vm_rmap_get(&reverse, 123456790), 2);
}

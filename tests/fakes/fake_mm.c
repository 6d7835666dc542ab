/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_mm.h. */
#include "tests/fakes/fake_mm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "include/extra.h"
#include "include/status.h"
#include "mm/early.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"

static paddr_t taken[16384];
static unsigned nr_taken;

void fake_mm_start(struct boot_info *boot, u64 bytes)
{
    fake_boot(boot, bytes);
    early_init(boot);
    page_init(boot);
    EXTRAS_CALL(mm_init);
}

void fake_back(paddr_t base, u64 bytes)
{
    void *memory = mmap(phys_to_virt(base), bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    assert_ptr_equal(memory, phys_to_virt(base));
}

void fake_unback(paddr_t base, u64 bytes)
{
    munmap(phys_to_virt(base), bytes);
}

void fake_online(paddr_t base, u64 bytes, u64 block_bytes)
{
    fake_back(base, bytes);
    assert_int_equal(hotplug_add_region(base, bytes, block_bytes, 0, "fake"), OK);
    assert_int_equal(hotplug_online(base, bytes), OK);
}

u64 fake_choose(struct hotplug_migration *session, paddr_t from, paddr_t to, u64 nr_blocks,
                enum hotplug_try attempt)
{
    struct hotplug_range range;
    hotplug_migrate_begin(session, from, to, nr_blocks, attempt);
    while (session->phase != HOTPLUG_MOVING && hotplug_migrate_step(session, &range) == E_AGAIN)
        ;
    return session->nr_chosen * session->blocks_per_granule;
}

struct hotplug_pinned fake_count_pinned(paddr_t from, paddr_t to)
{
    struct hotplug_migration session = {0};
    (void)fake_choose(&session, from, to, 0, HOTPLUG_SAME_TRY);
    hotplug_migrate_end(&session);
    return session.pinned;
}

void fake_take_all_pages(void)
{
    static const enum page_kind kinds[] = {PAGE_USER, PAGE_BOOT_FIRST, PAGE_KERNEL};
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        while ((taken[nr_taken] = page_alloc(0, kinds[i])) != PADDR_NONE)
            assert_true(++nr_taken < ARRAY_SIZE(taken));
    }
}

void fake_give_all_pages(void)
{
    while (nr_taken > 0)
        page_free(taken[--nr_taken], 0);
}

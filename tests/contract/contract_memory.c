/* SPDX-License-Identifier: BSD-2-Clause */
/* The checks of the memory operations but those that move pages. */
#include "contract_internal.h"

#include <stdlib.h>
#include <string.h>

#include <vmem/error.h>
#include <vmem/host.h>

static int online(unsigned first, unsigned nr)
{
    return contract->memory->online(contract->memory_context, block_base(first), blocks_bytes(nr));
}

static int offline(unsigned first, unsigned nr)
{
    return contract->memory->offline(contract->memory_context, block_base(first), blocks_bytes(nr));
}

static void must_add(void)
{
    struct vmem_region region = contract->region;
    int status = contract->memory->add_region(contract->memory_context, &region);
    expect(status == VMEM_OK, "add_region() says %d, not 0", status);
    region.node_id = contract->region.node_id;
    expect(region.base == contract->region.base && region.bytes == contract->region.bytes &&
               region.block_bytes == contract->region.block_bytes &&
               region.has_node_id == contract->region.has_node_id &&
               region.name == contract->region.name,
           "add_region() changes more of the region than its node");
}

static void must_remove(void)
{
    int status = contract->memory->remove_region(contract->memory_context, contract->region.base);
    expect(status == VMEM_OK, "remove_region() of a region that is absent says %d, not 0", status);
}

/* ---- regions ---- */

static void check_table(void)
{
    const struct vmem_memory_ops *memory = contract->memory;
    expect(memory->add_region && memory->remove_region && memory->online && memory->offline &&
               memory->next_idle && memory->used_bytes,
           "one of the first six is NULL");
    unsigned nr = 0;
    nr += memory->migration_begin == NULL;
    nr += memory->migration_step == NULL;
    nr += memory->migration_take == NULL;
    nr += memory->migration_obstacle == NULL;
    nr += memory->migration_end == NULL;
    expect(nr == 0 || nr == 5, "%u of the five migration operations are NULL", nr);
    expect(nr_blocks() >= 8 && contract->region.bytes == blocks_bytes(nr_blocks()),
           "the contract's region has %u blocks, not 8 or more", nr_blocks());
}

static void check_add(void)
{
    must_add();
}

static void check_overlap(void)
{
    struct vmem_region other = contract->region;
    int status = contract->memory->add_region(contract->memory_context, &other);
    expect(status == VMEM_E_EXIST, "the same region again: %d, not VMEM_E_EXIST", status);
    other.base += blocks_bytes(1);
    other.bytes = blocks_bytes(2);
    other.name = "other";
    status = contract->memory->add_region(contract->memory_context, &other);
    expect(status == VMEM_E_EXIST, "a region in the region: %d, not VMEM_E_EXIST", status);
}

static void check_absent(void)
{
    struct vmem_range idle;
    struct pages all = take_all();
    give_all(&all);
    uint64_t used = used_in(0, nr_blocks());
    expect(used == 0, "used_bytes() of absent blocks is 0x%" PRIx64 ", not 0", used);
    bool found = contract->memory->next_idle(contract->memory_context, block_base(0),
                                             block_base(nr_blocks()), &idle);
    expect(!found, "next_idle() finds 0x%" PRIx64 " in absent blocks", idle.base);
}

static void check_remove(void)
{
    must_online(3, 1);
    int status = contract->memory->remove_region(contract->memory_context, contract->region.base);
    expect(status == VMEM_E_BUSY, "block 3 is online: %d, not VMEM_E_BUSY", status);
    expect_usable(3, 1, 0);
    must_offline(3, 1);
    must_remove();
    must_add();
}

/* ---- online ---- */

static void check_online(void)
{
    must_online(1, 2);
    must_online(5, 1);
    expect_usable(1, 2, 0);
    expect_usable(5, 1, 0);
    must_offline(5, 1);
    must_offline(1, 2);
}

static void check_touch(void)
{
    skip_unless(contract->page_at != NULL);
    must_online(0, nr_blocks());
    struct pages all = take_all();
    for (size_t i = 0; i < all.nr; i++) {
        uint64_t *page = contract->page_at(contract->allocator_context, all.addresses[i]);
        page[0] = page[VMEM_CONTRACT_PAGE_BYTES / sizeof(*page) - 1] = all.addresses[i];
    }
    for (size_t i = 0; i < all.nr; i++) {
        uint64_t *page = contract->page_at(contract->allocator_context, all.addresses[i]);
        uint64_t last = page[VMEM_CONTRACT_PAGE_BYTES / sizeof(*page) - 1];
        expect(page[0] == all.addresses[i] && last == all.addresses[i],
               "page 0x%" PRIx64 " holds 0x%" PRIx64 " and 0x%" PRIx64, all.addresses[i], page[0],
               last);
    }
    give_all(&all);
    must_offline(0, nr_blocks());
}

static void check_online_present(void)
{
    static const unsigned tried[][2] = {{0, 3}, {2, 1}, {2, 3}, {1, 2}};
    must_online(2, 1);
    for (size_t i = 0; i < sizeof(tried) / sizeof(*tried); i++) {
        int status = online(tried[i][0], tried[i][1]);
        expect(status == VMEM_E_EXIST, "%u blocks from %u, block 2 is online: %d, not VMEM_E_EXIST",
               tried[i][1], tried[i][0], status);
        expect_usable(2, 1, 0);
    }
    must_offline(2, 1);
}

/* ---- used_bytes and next_idle ---- */

static void expect_used(unsigned first, unsigned nr, size_t nr_pages)
{
    uint64_t used = used_in(first, nr), wanted = (uint64_t)nr_pages * VMEM_CONTRACT_PAGE_BYTES;
    expect(used == wanted, "%u blocks from %u: 0x%" PRIx64 ", not 0x%" PRIx64, nr, first, used,
           wanted);
}

static void check_used(void)
{
    static const unsigned taken[] = {1, 2, 2, 2};
    must_online(0, 4);
    expect_used(0, 4, 0);
    struct pages some = take_in(taken, 4);
    expect_used(0, 4, 4);
    expect_used(0, 1, 0);
    expect_used(1, 1, 1);
    expect_used(2, 2, 3);
    give_all(&some);
    struct pages all = take_all();
    expect_used(0, 4, (size_t)(blocks_bytes(4) / VMEM_CONTRACT_PAGE_BYTES));
    give_all(&all);
    expect_used(0, 4, 0);
    must_offline(0, 4);
}

/* What next_idle() is checked on: of blocks 0 to 7, 3 is absent, and pages of 1 and 6 are taken. */
static const unsigned blocks_in_use[] = {1, 6};

static bool is_idle(unsigned block)
{
    return is_online(block) && block != 1 && block != 6;
}

/* Call judge(from, to, found) for each range of blocks 0 to 7, found.bytes being 0 for none. */
static void each_next_idle(void (*judge)(unsigned from, unsigned to, struct vmem_range found))
{
    must_online(0, 3);
    must_online(4, 4);
    struct pages used = take_in(blocks_in_use, 2);
    for (unsigned from = 0; from < 8; from++)
        for (unsigned to = from + 1; to <= 8; to++) {
            struct vmem_range found = {0, 0};
            bool is_found = contract->memory->next_idle(contract->memory_context, block_base(from),
                                                        block_base(to), &found);
            if (!is_found)
                found.bytes = 0;
            judge(from, to, found);
        }
    give_all(&used);
    must_offline(4, 4);
    must_offline(0, 3);
}

static void judge_idle(unsigned from, unsigned to, struct vmem_range found)
{
    if (found.bytes == 0)
        return;
    expect_online_blocks(found, "next_idle()");
    for (unsigned block = 0; block < 8; block++)
        expect(is_idle(block) || block_base(block) < found.base ||
                   block_base(block) >= found.base + found.bytes,
               "from block %u to %u: block %u is named, which is in use", from, to, block);
}

static void judge_bounds(unsigned from, unsigned to, struct vmem_range found)
{
    expect(found.bytes == 0 ||
               (found.base >= block_base(from) && found.base + found.bytes <= block_base(to)),
           "from block %u to %u: 0x%" PRIx64 " bytes at 0x%" PRIx64 " are named", from, to,
           found.bytes, found.base);
}

static void judge_run(unsigned from, unsigned to, struct vmem_range found)
{
    unsigned first = from, end;
    while (first < to && !is_idle(first))
        first++;
    for (end = first; end < to && is_idle(end);)
        end++;
    expect(found.bytes == blocks_bytes(end - first) &&
               (first == to || found.base == block_base(first)),
           "from block %u to %u: 0x%" PRIx64 " bytes at 0x%" PRIx64
           ", not the first run, %u blocks from %u",
           from, to, found.bytes, found.base, end - first, first);
}

static void check_idle(void)
{
    each_next_idle(judge_idle);
}

static void check_idle_bounds(void)
{
    each_next_idle(judge_bounds);
}

static void check_idle_runs(void)
{
    each_next_idle(judge_run);
}

/* ---- offline ---- */

static void check_offline_busy(void)
{
    for (unsigned busy = 0; busy < 4; busy++) {
        must_online(0, 4);
        struct pages used = take_in(&busy, 1);
        int status = offline(0, 4);
        expect(status == VMEM_E_BUSY, "a page of block %u is taken: %d, not VMEM_E_BUSY", busy,
               status);
        expect_used(0, 4, 1);
        expect_usable(0, 4, 1);
        give_all(&used);
        must_offline(0, 4);
    }
}

static void check_offline(void)
{
    struct pages all = take_all(); /* the check of online() left blocks offline */
    give_all(&all);
    must_online(0, 4);
    must_offline(1, 2);
    all = take_all();
    expect(used_in(1, 2) == 0, "used_bytes() of what is offline is 0x%" PRIx64, used_in(1, 2));
    give_all(&all);
    expect_usable(0, 1, 0);
    expect_usable(3, 1, 0);
    must_online(1, 2);
    expect_usable(0, 4, 0);
    must_offline(0, 4);
}

static void check_again(void)
{
    struct pages before = take_all();
    size_t nr_before = before.nr;
    give_all(&before);
    for (unsigned i = 0; i < 100; i++) {
        must_online(i % 4, 4);
        must_offline(i % 4, 2);
        must_offline(i % 4 + 2, 2);
    }
    struct pages after = take_all();
    size_t nr_after = after.nr;
    give_all(&after);
    expect(nr_after == nr_before, "%zu pages are free after 100 times, %zu before", nr_after,
           nr_before);
}

/* ---- what may be NULL, and memory that is not the region's ---- */

static void check_room(void)
{
    skip_unless(contract->memory->room != NULL);
    uint64_t room =
        contract->memory->room(contract->memory_context, block_base(0), contract->region.bytes);
    expect(room <= contract->region.bytes, "0x%" PRIx64 " of 0x%" PRIx64 " bytes", room,
           contract->region.bytes);
    unsigned nr = (unsigned)(room / contract->region.block_bytes);
    if (nr == 0)
        return;
    int status = online(0, nr);
    expect(status == VMEM_OK, "room for %u blocks, but online() says %d", nr, status);
    set_online(0, nr, true);
    must_offline(0, nr);
}

static void check_describe(void)
{
    static const unsigned taken = 2;
    char text[64];
    skip_unless(contract->memory->describe_pinned != NULL);
    must_online(0, 4);
    struct pages used = take_in(&taken, 1);
    for (size_t bytes = 1; bytes < sizeof(text); bytes++) {
        memset(text, 0x7f, sizeof(text));
        contract->memory->describe_pinned(contract->memory_context, block_base(0), blocks_bytes(4),
                                          text, bytes);
        expect(memchr(text, 0, bytes) != NULL, "no NUL in a text of %zu bytes", bytes);
        expect(text[bytes] == 0x7f, "byte %zu of a text of %zu is written", bytes, bytes);
    }
    give_all(&used);
    must_offline(0, 4);
}

static void check_alloc_place(void)
{
    enum { NR = 32, BYTES = 8192 };
    void *memory[NR];
    must_online(0, nr_blocks());
    for (int i = 0; i < NR; i++)
        memory[i] = vmem_host_alloc(BYTES);
    uint64_t used = used_in(0, nr_blocks());
    for (int i = 0; i < NR; i++)
        if (memory[i] != NULL)
            vmem_host_free(memory[i], BYTES);
    expect(used == 0, "0x%" PRIx64 " bytes of the region are in use by it", used);
    must_offline(0, nr_blocks());
}

const struct check memory_checks[] = {
    {"the table of operations is whole", check_table},
    {"add_region changes nothing but the node", check_add},
    {"add_region refuses an overlap", check_overlap},
    {"absent blocks are not given out", check_absent},
    {"online gives out the range, and only that", check_online},
    {"offline takes the range away", check_offline},
    {"each page is memory of its own", check_touch},
    {"online refuses present blocks and changes nothing", check_online_present},
    {"used_bytes is exact", check_used},
    {"offline of a block in use changes nothing", check_offline_busy},
    {"next_idle names idle blocks only", check_idle},
    {"next_idle stays in its range", check_idle_bounds},
    {"next_idle names the first longest run", check_idle_runs},
    {"remove_region refuses while blocks are online", check_remove},
    {"online and offline lose no page", check_again},
    {"room is room", check_room},
    {"describe_pinned keeps to its text", check_describe},
    {"vmem_host_alloc keeps off the region", check_alloc_place},
    {NULL, NULL},
};

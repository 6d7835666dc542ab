/* SPDX-License-Identifier: BSD-2-Clause */
/* The checker's frame: it runs the checks, and keeps what should be online and what is taken. */
#include "contract_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const struct vmem_contract *contract;

enum { PASSED, FAILED, SKIPPED };

static jmp_buf failed_check;
static char failure[512];
static bool *online_blocks;

void expect(bool holds, const char *format, ...)
{
    if (holds)
        return;
    va_list values;
    va_start(values, format);
    vsnprintf(failure, sizeof(failure), format, values);
    va_end(values);
    longjmp(failed_check, FAILED);
}

void skip_unless(bool can_be_checked)
{
    if (!can_be_checked)
        longjmp(failed_check, SKIPPED);
}

void *contract_realloc(void *memory, size_t bytes)
{
    void *grown = realloc(memory, bytes);
    if (grown == NULL) {
        fprintf(stderr, "the checker has no memory\n");
        exit(2);
    }
    return grown;
}

/* ---- blocks ---- */

uint64_t block_base(unsigned block)
{
    return contract->region.base + blocks_bytes(block);
}

uint64_t blocks_bytes(unsigned nr)
{
    return nr * contract->region.block_bytes;
}

unsigned nr_blocks(void)
{
    return (unsigned)(contract->region.bytes / contract->region.block_bytes);
}

bool is_online(unsigned block)
{
    return online_blocks[block];
}

void set_online(unsigned first, unsigned nr, bool online)
{
    for (unsigned i = 0; i < nr; i++)
        online_blocks[first + i] = online;
}

void must_online(unsigned first, unsigned nr)
{
    int status =
        contract->memory->online(contract->memory_context, block_base(first), blocks_bytes(nr));
    expect(status == 0, "online() of %u absent blocks from %u says %d, not 0", nr, first, status);
    set_online(first, nr, true);
}

void must_offline(unsigned first, unsigned nr)
{
    int status =
        contract->memory->offline(contract->memory_context, block_base(first), blocks_bytes(nr));
    expect(status == 0, "offline() of %u idle blocks from %u says %d, not 0", nr, first, status);
    set_online(first, nr, false);
}

uint64_t used_in(unsigned first, unsigned nr)
{
    return contract->memory->used_bytes(contract->memory_context, block_base(first),
                                        blocks_bytes(nr));
}

void expect_online_blocks(struct vmem_range range, const char *operation)
{
    const struct vmem_region *region = &contract->region;
    uint64_t offset = range.base - region->base;
    expect(range.bytes != 0 && range.base >= region->base && offset <= region->bytes &&
               range.bytes <= region->bytes - offset && offset % region->block_bytes == 0 &&
               range.bytes % region->block_bytes == 0,
           "%s names 0x%" PRIx64 " bytes at 0x%" PRIx64 ", which are not whole blocks", operation,
           range.bytes, range.base);
    for (uint64_t block = offset; block < offset + range.bytes; block += region->block_bytes)
        expect(is_online((unsigned)(block / region->block_bytes)),
               "%s names block %" PRIu64 ", which is not online", operation,
               block / region->block_bytes);
}

/* ---- pages ---- */

static int compare_addresses(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void expect_own_page(uint64_t address)
{
    const struct vmem_region *region = &contract->region;
    expect(address % VMEM_CONTRACT_PAGE_BYTES == 0,
           "the allocator gives out 0x%" PRIx64 ", which is no page", address);
    if (address < region->base || address - region->base >= region->bytes)
        return;
    uint64_t block = (address - region->base) / region->block_bytes;
    expect(is_online((unsigned)block),
           "the allocator gives out 0x%" PRIx64 " of block %" PRIu64 ", which is not online",
           address, block);
}

struct pages take_all(void)
{
    struct pages pages = {NULL, 0};
    size_t room = 0;
    for (;;) {
        uint64_t address = contract->page_alloc(contract->allocator_context);
        if (address == VMEM_CONTRACT_NO_PAGE)
            break;
        if (pages.nr == room)
            pages.addresses =
                contract_realloc(pages.addresses, (room = 2 * room + 256) * sizeof(address));
        pages.addresses[pages.nr++] = address;
        expect_own_page(address);
    }
    if (pages.nr != 0)
        qsort(pages.addresses, pages.nr, sizeof(*pages.addresses), compare_addresses);
    for (size_t i = 1; i < pages.nr; i++)
        expect(pages.addresses[i] != pages.addresses[i - 1],
               "the allocator gives out 0x%" PRIx64 " twice", pages.addresses[i]);
    return pages;
}

void give_all(struct pages *pages)
{
    for (size_t i = 0; i < pages->nr; i++)
        contract->page_free(contract->allocator_context, pages->addresses[i]);
    free(pages->addresses);
    *pages = (struct pages){NULL, 0};
}

static bool lies_in(uint64_t address, unsigned first, unsigned nr)
{
    return address >= block_base(first) && address - block_base(first) < blocks_bytes(nr);
}

struct pages take_in(const unsigned *blocks, size_t nr)
{
    struct pages all = take_all(), kept = {contract_realloc(NULL, nr * sizeof(uint64_t)), 0};
    for (size_t i = 0; i < all.nr; i++) {
        bool is_next = kept.nr < nr && lies_in(all.addresses[i], blocks[kept.nr], 1);
        if (is_next)
            kept.addresses[kept.nr++] = all.addresses[i];
        else
            contract->page_free(contract->allocator_context, all.addresses[i]);
    }
    free(all.addresses);
    expect(kept.nr == nr, "the allocator gives out no page of block %u, which is online",
           blocks[kept.nr % nr]);
    return kept;
}

size_t count_in(const struct pages *pages, unsigned first, unsigned nr)
{
    size_t count = 0;
    for (size_t i = 0; i < pages->nr; i++)
        count += lies_in(pages->addresses[i], first, nr);
    return count;
}

void expect_usable(unsigned first, unsigned nr, size_t nr_taken)
{
    struct pages all = take_all();
    size_t found = count_in(&all, first, nr);
    size_t wanted = (size_t)(blocks_bytes(nr) / VMEM_CONTRACT_PAGE_BYTES) - nr_taken;
    give_all(&all);
    expect(found == wanted, "of %u online blocks from %u come %zu free pages, not %zu", nr, first,
           found, wanted);
}

/* ---- running ---- */

static bool passes(const struct check *check)
{
    switch (setjmp(failed_check)) {
    case PASSED:
        check->run();
        fprintf(contract->output, "ok   %s\n", check->name);
        return true;
    case SKIPPED:
        fprintf(contract->output, "skip %s\n", check->name);
        return true;
    default:
        fprintf(contract->output, "FAIL %s: %s\n", check->name, failure);
        return false;
    }
}

int vmem_contract_check(const struct vmem_contract *checked)
{
    int nr_failed = 0;
    contract = checked;
    for (const struct check *check = host_checks; check->name; check++)
        nr_failed += !passes(check);
    online_blocks = contract_realloc(NULL, nr_blocks());
    memset(online_blocks, 0, nr_blocks());
    const struct check *check = memory_checks;
    while (check->name && passes(check))
        check++;
    if (check->name == NULL)
        for (check = migration_checks; check->name && passes(check);)
            check++;
    nr_failed += check->name != NULL;
    free(online_blocks);
    if (nr_failed != 0)
        fprintf(contract->output, "%d failed; no check of memory follows one that failed\n",
                nr_failed);
    return nr_failed;
}

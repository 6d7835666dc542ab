/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_chunks.h. */
#include "tests/fakes/fake_chunks.h"

#include "include/status.h"
#include "tests/unit/unit.h"

struct machine machine;
paddr_t chunks[CHUNKS_MAX]; /* 0: freed */
u8 chunk_moves[CHUNKS_MAX];
u64 nr_chunks;
u64 nr_chunk_moves;
u64 nr_refused;
bool refuses_all;
u64 refused_chunk;

static u64 chunk_at(paddr_t paddr)
{
    for (u64 i = 0; i < nr_chunks; i++) {
        if (chunks[i] == paddr)
            return i;
    }
    fail_msg("asked to move 0x%lx, which is no chunk", paddr);
    return 0;
}

static bool move(struct page_owner *owner, paddr_t from, paddr_t to)
{
    u64 index = chunk_at(from);
    (void)owner;
    if (refuses_all || index == refused_chunk) {
        nr_refused++;
        return false;
    }
    chunks[index] = to;
    chunk_moves[index]++;
    nr_chunk_moves++;
    return true;
}

static struct page_owner owner = {.name = "chunks", .order = CHUNK_ORDER, .move = move};

void forget_chunks(void)
{
    memset(chunks, 0, sizeof(chunks));
    memset(chunk_moves, 0, sizeof(chunk_moves));
    nr_chunks = nr_chunk_moves = nr_refused = 0;
    refuses_all = false;
    refused_chunk = CHUNKS_MAX;
    assert_int_equal(page_add_owner(&owner), OK);
}

u64 count_chunks(void)
{
    u64 live = 0;
    for (u64 i = 0; i < nr_chunks; i++)
        live += chunks[i] != 0;
    return live;
}

void drop_chunk(u64 index)
{
    page_free(chunks[index], CHUNK_ORDER);
    chunks[index] = 0;
}

void drop_all_chunks(void)
{
    for (u64 i = 0; i < nr_chunks; i++) {
        if (chunks[i] != 0)
            drop_chunk(i);
    }
}

void scatter(u64 bytes, u64 percent)
{
    u64 random = 12345;
    for (u64 i = 0; i < bytes / CHUNK; i++) {
        chunks[nr_chunks] = page_alloc_movable(&owner);
        assert_true(chunks[nr_chunks++] != PADDR_NONE);
    }
    for (u64 i = 0; i < nr_chunks; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        if ((random >> 33) % 100 >= percent && chunks[i])
            drop_chunk(i);
    }
}

void start_scattered(u64 block_bytes, u64 bytes, u64 percent)
{
    machine_boot_region(&machine, FAKE_VMEM_QEMU, MACHINE_BASE, block_bytes, GIB / block_bytes);
    machine_attach(&machine);
    forget_chunks();
    machine_resize(&machine, bytes, 1);
    scatter(bytes, percent);
}

void check_chunks(void)
{
    for (u64 i = 0; i < nr_chunks; i++) {
        assert_true(chunk_moves[i] <= 1);
        if (chunks[i] >= MACHINE_BASE)
            assert_true(fake_is_mapped(chunks[i], CHUNK));
    }
}

void run_until_moved(u64 wanted)
{
    for (unsigned calls = 0; nr_chunk_moves < wanted; calls++) {
        assert_true(calls < 1000);
        if (machine.due_ms > platform_now_ms())
            fake_advance_ms(1);
        machine.due_ms = vmem_service(machine.driver, platform_now_ms());
    }
}

void expect_all_open(void)
{
    struct page_stats stats;
    u64 nr_got = 0;
    static paddr_t got[CHUNKS_MAX];
    while ((got[nr_got] = page_alloc_movable(&owner)) != PADDR_NONE)
        nr_got++;
    page_get_stats(&stats);
    assert_int_equal(stats.plugged_used, stats.plugged_frames);
    while (nr_got > 0)
        page_free(got[--nr_got], CHUNK_ORDER);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory operations for driver tests: a small allocator of pages that are numbers alone, no memory
 * behind them. It knows one region, and fails the test where the driver breaks its side of
 * memory.h: blocks brought online that are online, blocks taken offline that are not, ranges that
 * are not whole blocks of the region, a call from within a call.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_MEMORY_H
#define TIDE_TESTS_FAKES_FAKE_MEMORY_H

#include <setjmp.h>

#include "drivers/virtio/include/vmem/memory.h"

#define FAKE_MEMORY_PAGE_BYTES 4096
#define FAKE_MEMORY_RUNS_MAX   4096
#define FAKE_MEMORY_NO_RUN     (~0u)
#define FAKE_MEMORY_NEVER      (-1)

enum fake_memory_call {
    FAKE_MEMORY_ADD_REGION,
    FAKE_MEMORY_REMOVE_REGION,
    FAKE_MEMORY_ONLINE,
    FAKE_MEMORY_OFFLINE,
    FAKE_MEMORY_NEXT_IDLE,
    FAKE_MEMORY_USED_BYTES,
    FAKE_MEMORY_ROOM,
    FAKE_MEMORY_BEGIN,
    FAKE_MEMORY_STEP,
    FAKE_MEMORY_TAKE,
    FAKE_MEMORY_OBSTACLE,
    FAKE_MEMORY_END,
    FAKE_MEMORY_DESCRIBE,
    FAKE_MEMORY_NR_CALLS,
};

enum fake_mobility {
    FAKE_FIXED,
    FAKE_MOVABLE, /* a run that lies in one block; it moves as a whole */
};

/* Pages that were allocated together, known by their index in the table of runs. */
struct fake_memory_run {
    uint64_t first;
    uint64_t nr_pages; /* 0: not allocated */
    enum fake_mobility mobility;
    bool was_moved;   /* since the last VMEM_MIGRATION_FIRST */
    bool was_refused; /* since the last attempt that asks again */
    unsigned nr_moves;
};

struct fake_memory_block {
    uint64_t nr_used; /* pages */
    bool is_online;
    bool is_chosen;  /* by the migration: gives no page */
    bool is_emptied; /* chosen, and reported as empty */
    bool is_pinned;  /* scratch of migration_begin() */
};

/* What goes wrong, to be set at any time; as at first, nothing does. */
struct fake_memory_knobs {
    int add_region_error;        /* what add_region() returns, without a region */
    int remove_region_error;     /* what remove_region() returns, the region kept */
    uint16_t node_id;            /* what it writes where the device has no word on it */
    int64_t online_fails_after;  /* the call after so many has no memory; FAKE_MEMORY_NEVER */
    int64_t offline_fails_after; /* migration_take() counts as well */
    unsigned races;        /* before each of so many offlines a page is allocated in the range */
    uint64_t online_limit; /* no more bytes can be online: room() says so, online() has no memory */
    bool refuses;          /* owners do not let pages be moved */
    unsigned refused_run;  /* or this run's does not */
    uint64_t pages_per_step;
};

struct fake_memory {
    struct fake_memory_knobs knobs;
    bool has_region;
    struct vmem_region region;
    uint64_t block_pages;
    uint64_t nr_blocks;
    struct fake_memory_block *blocks;
    uint8_t *used; /* a byte a page */
    struct fake_memory_run runs[FAKE_MEMORY_RUNS_MAX];
    unsigned nr_runs; /* that were ever used */

    bool is_in_call;
    jmp_buf *breach; /* NULL, or where a breach of the contract leads instead of failing the test */
    uint64_t calls[FAKE_MEMORY_NR_CALLS];
    uint64_t online_bytes;
    uint64_t nr_moves;
    uint64_t nr_refusals;
    /* Called where pages were freed, outside of any operation; may be NULL. */
    void (*on_freed)(void *context);
    void *freed_context;
};

/* The operations, whose context is a struct fake_memory; and those of a kernel that has no more
 * than must be: no room(), no migration, nothing described. */
extern const struct vmem_memory_ops fake_memory_ops;
extern const struct vmem_memory_ops fake_memory_plain_ops;

/* An allocator without a region, and nothing that goes wrong. */
void fake_memory_init(struct fake_memory *memory);
void fake_memory_release(struct fake_memory *memory);

/*
 * Allocate pages in a row, aligned to their count if that is a power of two: the lowest that are
 * free, or those of one block. FAKE_MEMORY_NO_RUN if there are none.
 */
unsigned fake_memory_alloc(struct fake_memory *memory, uint64_t nr_pages, enum fake_mobility);
unsigned fake_memory_hold(struct fake_memory *memory, uint64_t block, uint64_t nr_pages,
                          enum fake_mobility);
void fake_memory_free(struct fake_memory *memory, unsigned run);
void fake_memory_free_all(struct fake_memory *memory);

/* Where the run is now, guest-physical. */
uint64_t fake_memory_address(const struct fake_memory *memory, unsigned run);

/* Whether all of the range is online; false if it is no part of the region. */
bool fake_memory_is_online(const struct fake_memory *memory, uint64_t base, uint64_t bytes);

/* Blocks with a page in use. */
uint64_t fake_memory_used_blocks(const struct fake_memory *memory);

/* Fails the test unless the counts of pages are right, and every run lies in online blocks. */
void fake_memory_check(const struct fake_memory *memory);

/* Fails the test if a block gives no page although no migration goes on. */
void fake_memory_expect_all_open(const struct fake_memory *memory);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What fake_memory.c and fake_migration.c share. */
#ifndef TIDE_TESTS_FAKES_FAKE_MEMORY_INTERNAL_H
#define TIDE_TESTS_FAKES_FAKE_MEMORY_INTERNAL_H

#include "tests/fakes/fake_memory.h"

/* Around each operation: none is called from within another, nor without a region. */
struct fake_memory *fake_memory_enter(void *context, enum fake_memory_call call);
void fake_memory_leave(struct fake_memory *memory);

uint64_t fake_memory_block_base(const struct fake_memory *memory, uint64_t block);

/* [*from, *to): the blocks of a range that the driver named, whole and at least one, or the test
 * fails. */
void fake_memory_expect_blocks(const struct fake_memory *memory, uint64_t base, uint64_t bytes,
                               uint64_t *from, uint64_t *to);

/* offline() without the checks of the call. */
int fake_memory_offline_blocks(struct fake_memory *memory, uint64_t from, uint64_t to);

/* So many free pages in a row in [from, to). */
bool fake_memory_find_free(const struct fake_memory *memory, uint64_t from, uint64_t to,
                           uint64_t nr_pages, uint64_t *found);

/* The run's pages are used from now on, or free. */
void fake_memory_mark(struct fake_memory *memory, const struct fake_memory_run *run, bool used);

/* fake_migration.c: the operations of memory.h. */
uint64_t fake_migration_begin(void *context, uint64_t from, uint64_t to, uint64_t bytes,
                              enum vmem_migration_attempt attempt);
enum vmem_migration fake_migration_step(void *context, struct vmem_range *emptied);
int fake_migration_take(void *context, uint64_t max_bytes, struct vmem_range *taken);
enum vmem_migration fake_migration_obstacle(void *context);
void fake_migration_end(void *context);
void fake_migration_describe_pinned(void *context, uint64_t base, uint64_t bytes, char *text,
                                    size_t text_bytes);

#endif

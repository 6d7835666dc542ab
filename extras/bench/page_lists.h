/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory in which each processor of a job keeps what it holds, so that the processors
 * share only what the job is about: boot RAM, one allocation a processor.
 */
#ifndef TIDE_EXTRAS_BENCH_PAGE_LISTS_H
#define TIDE_EXTRAS_BENCH_PAGE_LISTS_H

#include "asm/cpu.h"
#include "include/types.h"

struct page_lists {
    unsigned order; /* of one list; its user's */
    void *of[CPUS_MAX];
};

/*
 * Allocate one for each of the processors, which are bits by number. The contents are undefined.
 * False without memory for all: none is allocated then.
 */
must_check bool page_lists_open(struct page_lists *lists, u64 processors);

void page_lists_close(struct page_lists *lists);

#endif

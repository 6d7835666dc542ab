/* SPDX-License-Identifier: BSD-2-Clause */
/* What cpus.c, cpus_start.c and an extra that gives the others work share. */
#ifndef TIDE_ARCH_X86_64_SMP_CPUS_INTERNAL_H
#define TIDE_ARCH_X86_64_SMP_CPUS_INTERNAL_H

#include <asm/cpu.h>

#include "include/types.h"

/* A processor that is slow to begin must not do so when it is about to get INIT once more. */
enum start { START_WITHDRAWN, START_ASKED, START_BEGUN };

struct cpu_job {
    void (*function)(void *context); /* NULL: none. Set by the giver, cleared when it is done. */
    void *context;
};

/* What processors know of each other. */
struct processor {
    u8 apic_id;
    u32 start;   /* enum start; the boot processor withdraws and asks, the other begins */
    u32 runs;    /* set by itself, for good */
    u32 stopped; /* set by itself, for good: it stands still */
    u32 busy;    /* it may touch any memory; written by itself */
    u32 flushed; /* the last flush it has done or that it need not do; written by itself */
    struct cpu_job job;
} aligned_to(64);

extern struct processor cpus_table[CPUS_MAX]; /* [0] booted */
extern unsigned cpus_nr_found;                /* of them are known */
extern unsigned cpus_nr_running;

/* No processor but the first has a job. */
bool cpus_none_busy(void);

/* A processor that has started. */
_Noreturn void cpus_serve(struct processor *self);

#endif

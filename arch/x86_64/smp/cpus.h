/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside arch/x86_64: what cpus.c offers beyond arch.h. */
#ifndef TIDE_ARCH_X86_64_SMP_CPUS_H
#define TIDE_ARCH_X86_64_SMP_CPUS_H

#include "include/types.h"

/*
 * Make every processor forget what it knows of the addresses in a range whose mapping
 * has gone. Returns when all have. One caller at a time, not from an interrupt.
 */
void cpus_flush(u64 address, u64 bytes);

/*
 * For an extra that gives the others work: instead of sleeping they call serve(), which does not
 * return. flush() makes them forget a range, which this processor has; interrupt() is called for
 * VECTOR_WAKE and VECTOR_FLUSH. Before cpus_init().
 */
struct processor;
struct cpus_worker {
    void (*serve)(struct processor *self);
    void (*flush)(u64 address, u64 bytes);
    void (*interrupt)(unsigned vector);
};
void cpus_set_worker(const struct cpus_worker *worker);

/* VECTOR_WAKE or VECTOR_FLUSH came. */
void cpus_interrupt(unsigned vector);

/* In an NMI: does not return if another processor is ending the machine. */
void cpus_stop_if_asked(void);

/* This processor is ending the machine, and no other one runs. */
bool cpus_is_last(void);

/* Before the machine sleeps or is handed over: E_BUSY if a processor works or starts, E_UNSUPPORTED
 * without the pages of include/low_memory.h. */
must_check int cpus_check_idle(void);

/* Afterwards: start the others again, as cpus_init() did. */
void cpus_resume(u64 now_ms);

/* The others, which are idle, touch nothing any more until somebody starts them. For good. */
void cpus_park(void);

/* From cpu_start.S, on this processor's own stack. */
_Noreturn void cpu_started(u32 apic_id);

#endif

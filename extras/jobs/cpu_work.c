/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work for the processors beside the one that booted, and telling them what was unmapped.
 *
 * One without work sleeps with interrupts on and costs nothing, not even a
 * message when memory is unmapped: it touches none meanwhile, and forgets all its
 * translations before it takes work again.
 */
#include "extras/jobs/cpu_work.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/interrupts.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/smp/cpus.h"
#include "arch/x86_64/smp/cpus_internal.h"
#include "arch/x86_64/traps.h"
#include "include/extra.h"
#include "include/status.h"
#include "lib/panic.h"

#define FLUSH_SPINS_MAX 1000000000u /* many seconds: a host may not run that processor for long */

/* What to forget; changed by a flush's caller while no other processor reads it. */
static struct {
    u64 address;
    u64 bytes;
    u32 number; /* counts the flushes; published last */
} flush;

/* ---- flushes ---- */

static bool flush_is_done(const struct processor *other, u32 number)
{
    /* Acquire, both: what it read through the old mapping it has read before. */
    return __atomic_load_n(&other->flushed, __ATOMIC_ACQUIRE) == number ||
           __atomic_load_n(&other->busy, __ATOMIC_ACQUIRE) == 0;
}

static void wait_flushed(unsigned id, u32 number)
{
    for (u32 spins = 0; !flush_is_done(&cpus_table[id], number); spins++) {
        if (spins == FLUSH_SPINS_MAX)
            panic("cpu %u does not answer: it may still use memory that was unmapped", id);
        cpu_relax();
    }
}

static void flush_others(u64 address, u64 bytes)
{
    bool asked[CPUS_MAX] = {false};

    flush.address = address;
    flush.bytes = bytes;
    /*
     * Orders the page tables, written before, and the number against `busy`,
     * read after: a processor that is not seen busy here sees the number in become_busy().
     */
    u32 number = __atomic_add_fetch(&flush.number, 1, __ATOMIC_SEQ_CST);
    for (unsigned id = 0; id < cpus_nr_found; id++) {
        if (id == cpu_id() || __atomic_load_n(&cpus_table[id].busy, __ATOMIC_SEQ_CST) == 0)
            continue;
        asked[id] = true;
        apic_send(cpus_table[id].apic_id, VECTOR_FLUSH);
    }
    cpus_table[cpu_id()].flushed = number;
    for (unsigned id = 0; id < cpus_nr_found; id++) {
        if (asked[id])
            wait_flushed(id, number);
    }
}

static void take_flush(struct processor *self)
{
    u32 number = __atomic_load_n(&flush.number, __ATOMIC_ACQUIRE);

    /* A message may come late, when it is no longer meant. */
    if (self->busy == 0 || self->flushed == number)
        return;
    paging_flush_here(flush.address, flush.bytes);
    __atomic_store_n(&self->flushed, number, __ATOMIC_RELEASE);
}

void cpus_poll_flush(void)
{
    take_flush(&cpus_table[cpu_id()]);
}

/* From here on flushes come as messages; those missed are made good. */
static void become_busy(struct processor *self)
{
    __atomic_store_n(&self->busy, 1, __ATOMIC_SEQ_CST); /* pairs with flush_others() */
    u64 flags = irq_save();
    u32 number = __atomic_load_n(&flush.number, __ATOMIC_SEQ_CST);
    if (self->flushed != number) {
        paging_flush_all_here();
        __atomic_store_n(&self->flushed, number, __ATOMIC_RELEASE);
    }
    irq_restore(flags);
}

static void interrupt(unsigned vector)
{
    if (vector == VECTOR_FLUSH)
        take_flush(&cpus_table[cpu_id()]);
}

/* ---- work ---- */

static bool has_job(void)
{
    return __atomic_load_n(&cpus_table[cpu_id()].job.function, __ATOMIC_ACQUIRE) != NULL;
}

static void serve(struct processor *self)
{
    for (;;) {
        cpu_idle(has_job);
        if (!has_job())
            continue;
        become_busy(self);
        self->job.function(self->job.context);
        __atomic_store_n(&self->busy, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&self->job.function, NULL, __ATOMIC_RELEASE);
        apic_send(cpus_table[0].apic_id, VECTOR_WAKE);
    }
}

int cpus_start_job(unsigned id, void (*function)(void *context), void *context)
{
    if (id == 0 || !cpus_runs(id))
        return E_NODEV;
    if (cpus_busy(id))
        return E_BUSY;
    cpus_table[id].job.context = context;
    __atomic_store_n(&cpus_table[id].job.function, function, __ATOMIC_RELEASE);
    apic_send(cpus_table[id].apic_id, VECTOR_WAKE);
    return OK;
}

static void start(void)
{
    static const struct cpus_worker worker = {serve, flush_others, interrupt};

    cpus_set_worker(&worker);
}

EXTRA(cpu_work) = {.name = "jobs", .mm_init = start};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processors beside the one that booted: giving them work, telling them
 * what was unmapped, and stopping them. cpus_start.c starts them.
 *
 * One without work sleeps with interrupts on and costs nothing, not even a
 * message when memory is unmapped: it touches none meanwhile, and forgets all its
 * translations before it takes work again.
 */
#include "arch/x86_64/smp/cpus.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/interrupts.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/smp/cpus_internal.h"
#include "arch/x86_64/traps.h"
#include "include/platform.h"
#include "include/status.h"
#include "lib/panic.h"

#define FLUSH_SPINS_MAX 1000000000u /* many seconds: a host may not run that processor for long */
#define STOP_SPINS_MAX  10000000u

struct processor cpus_table[CPUS_MAX];
unsigned cpus_nr_found = 1;
unsigned cpus_nr_running = 1;
static u32 stopper; /* the processor that ends the machine, plus 1 */

/* What to forget; changed by a flush's caller while no other processor reads it. */
static struct {
    u64 address;
    u64 bytes;
    u32 number; /* counts the flushes; published last */
} flush;

bool cpus_exists(unsigned id)
{
    return id < cpus_nr_found;
}

bool cpus_runs(unsigned id)
{
    return id < cpus_nr_found && __atomic_load_n(&cpus_table[id].runs, __ATOMIC_ACQUIRE) != 0;
}

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

void cpus_flush(u64 address, u64 bytes)
{
    bool asked[CPUS_MAX] = {false};

    paging_flush_here(address, bytes);
    if (cpus_nr_found == 1)
        return;
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
    __atomic_store_n(&self->busy, 1, __ATOMIC_SEQ_CST); /* pairs with cpus_flush() */
    u64 flags = irq_save();
    u32 number = __atomic_load_n(&flush.number, __ATOMIC_SEQ_CST);
    if (self->flushed != number) {
        paging_flush_all_here();
        __atomic_store_n(&self->flushed, number, __ATOMIC_RELEASE);
    }
    irq_restore(flags);
}

void cpus_interrupt(unsigned vector)
{
    if (vector == VECTOR_FLUSH)
        take_flush(&cpus_table[cpu_id()]);
    apic_end();
}

/* ---- work ---- */

static bool has_job(void)
{
    return __atomic_load_n(&cpus_table[cpu_id()].job.function, __ATOMIC_ACQUIRE) != NULL;
}

void cpus_serve(struct processor *self)
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

unsigned cpus_running(void)
{
    return cpus_nr_running;
}

bool cpus_busy(unsigned id)
{
    return __atomic_load_n(&cpus_table[id].job.function, __ATOMIC_ACQUIRE) != NULL;
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

bool cpus_none_busy(void)
{
    for (unsigned id = 1; id < cpus_nr_found; id++) {
        if (cpus_busy(id))
            return false;
    }
    return true;
}

/* ---- the end ---- */

bool cpus_is_last(void)
{
    return __atomic_load_n(&stopper, __ATOMIC_RELAXED) == cpu_id() + 1;
}

void cpus_stop_if_asked(void)
{
    if (__atomic_load_n(&stopper, __ATOMIC_ACQUIRE) == 0 || cpus_is_last())
        return;
    __atomic_store_n(&cpus_table[cpu_id()].stopped, 1, __ATOMIC_RELEASE);
    cpu_halt_forever();
}

void platform_stop_others(void)
{
    u32 nobody = 0;

    __asm__ volatile("cli" ::: "memory");
    if (!__atomic_compare_exchange_n(&stopper, &nobody, cpu_id() + 1, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST)) {
        cpus_stop_if_asked();
        return;
    }
    for (unsigned id = 0; id < cpus_nr_found; id++) {
        if (id != cpu_id() && cpus_runs(id))
            apic_send_nmi(cpus_table[id].apic_id);
    }
    for (unsigned id = 0; id < cpus_nr_found; id++) {
        const struct processor *other = &cpus_table[id];

        /* One that does not even take an NMI cannot be waited for. */
        for (u32 spins = 0; id != cpu_id() && cpus_runs(id) && spins < STOP_SPINS_MAX; spins++) {
            if (__atomic_load_n(&other->stopped, __ATOMIC_ACQUIRE) != 0)
                break;
            cpu_relax();
        }
    }
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processors beside the one that booted: they sleep, unless an extra gives them work, and are
 * stopped at the end. cpus_start.c starts them.
 */
#include "arch/x86_64/smp/cpus.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/interrupts.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/smp/cpus_internal.h"
#include "include/platform.h"

#define STOP_SPINS_MAX 10000000u

struct processor cpus_table[CPUS_MAX];
unsigned cpus_nr_found = 1;
unsigned cpus_nr_running = 1;
static u32 stopper; /* the processor that ends the machine, plus 1 */

static const struct cpus_worker *worker; /* NULL: the others sleep */

bool cpus_exists(unsigned id)
{
    return id < cpus_nr_found;
}

bool cpus_runs(unsigned id)
{
    return id < cpus_nr_found && __atomic_load_n(&cpus_table[id].runs, __ATOMIC_ACQUIRE) != 0;
}

void cpus_set_worker(const struct cpus_worker *that)
{
    worker = that;
}

void cpus_flush(u64 address, u64 bytes)
{
    paging_flush_here(address, bytes);
    if (worker != NULL && cpus_nr_found > 1)
        worker->flush(address, bytes);
}

void cpus_interrupt(unsigned vector)
{
    if (worker != NULL)
        worker->interrupt(vector);
    apic_end();
}

static bool has_work(void)
{
    return false;
}

void cpus_serve(struct processor *self)
{
    if (worker != NULL)
        worker->serve(self);
    for (;;)
        cpu_idle(has_work);
}

unsigned cpus_running(void)
{
    return cpus_nr_running;
}

bool cpus_busy(unsigned id)
{
    return __atomic_load_n(&cpus_table[id].job.function, __ATOMIC_ACQUIRE) != NULL;
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

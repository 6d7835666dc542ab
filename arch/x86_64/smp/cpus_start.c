/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting the processors beside the one that booted. Nothing here waits for
 * one: cpus_service() takes one step each time it is called.
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/interrupts.h"
#include "arch/x86_64/low_memory.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/smp/cpu_list.h"
#include "arch/x86_64/smp/cpus.h"
#include "arch/x86_64/smp/cpus_internal.h"
#include "arch/x86_64/stacks.h"
#include "include/low_memory.h"
#include "include/status.h"
#include "lib/log.h"
#include "lib/string.h"

#define STEP_MS        20   /* at least the 10 ms between INIT and start, whatever the clock */
#define ROUND_MS       200  /* from the first INIT to the next, then twice as long each time */
#define UNNAMED_MS     5000 /* as long for processors that may not exist */
#define START_LIMIT_MS 60000

/* What cpus_service() does next, and when. */
static enum {
    STEP_NOTHING,
    STEP_START,
    STEP_START_AGAIN, /* a first message may be lost */
    STEP_WAIT,
} step;
static u64 next_step_ms;
static u64 round_ms; /* a busy host may not run a processor before an INIT stops it again */
static u64 start_ms;
static const char *list_source;
static unsigned nr_named; /* the processors after these may not exist */

/* By APIC id: the stack on which a processor begins. cpu_start.S reads it. */
u64 cpu_start_stacks[256];

bool cpus_settled(void)
{
    return step == STEP_NOTHING;
}

void cpu_started(u32 apic_id)
{
    unsigned id = 1;

    while (id < cpus_nr_found && cpus_table[id].apic_id != apic_id)
        id++;
    if (id == cpus_nr_found)
        cpu_halt_forever();
    struct processor *self = &cpus_table[id];
    u32 asked = START_ASKED;
    if (!__atomic_compare_exchange_n(&self->start, &asked, START_BEGUN, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED))
        cpu_halt_forever();
    paging_load();
    cpu_setup(id);
    apic_init_other();
    __atomic_store_n(&self->runs, 1, __ATOMIC_SEQ_CST);
    cpus_stop_if_asked(); /* one that ends the machine has not seen `runs` */
    cpus_serve(self);
}

/* Stacks for one more processor; false when memory is out. */
static bool prepare(u8 apic_id, paddr_t (*alloc)(unsigned order))
{
    paddr_t memory = alloc(CPU_STACKS_ORDER);

    if (memory == PADDR_NONE || stacks_make(memory) != OK)
        return false;
    cpus_table[cpus_nr_found].apic_id = apic_id;
    cpu_start_stacks[apic_id] = stack_cpu_top(cpus_nr_found);
    cpus_nr_found++;
    return true;
}

/* The first step of a round, for those that have not begun; cpus_service() does the others. */
static void send_inits(u64 now_ms)
{
    for (unsigned id = 1; id < cpus_nr_found; id++) {
        u32 asked = START_ASKED;
        if (__atomic_compare_exchange_n(&cpus_table[id].start, &asked, START_WITHDRAWN, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            apic_send_init(cpus_table[id].apic_id);
    }
    step = cpus_nr_found > 1 ? STEP_START : STEP_NOTHING;
    next_step_ms = now_ms + STEP_MS;
}

static void begin_start(u64 now_ms)
{
    for (unsigned id = 1; id < cpus_nr_found; id++) {
        cpus_table[id].start = START_ASKED;
        cpus_table[id].runs = 0;
    }
    cpus_nr_running = 1;
    start_ms = now_ms;
    round_ms = ROUND_MS;
    low_memory_open();
    send_inits(now_ms);
}

void cpus_init(const struct boot_info *boot, u64 now_ms, paddr_t (*alloc)(unsigned order))
{
    struct cpu_list list;

    cpus_table[0] = (struct processor){.runs = 1, .busy = 1};
    cpus_table[0].apic_id = (u8)(cpuid(1).ebx >> 24);
    if (!apic_is_usable())
        return;
    cpu_list_find(boot, cpus_table[0].apic_id, &list);
    list_source = list.source;
    nr_named = list.nr_named;
    if (list.nr == 1)
        return;
    if (!low_memory_is_ram()) {
        log_warning(LOG_ARCH, "cpu", "no RAM at 0x%x to start other processors from",
                    LOW_START_PAGE);
        return;
    }
    for (unsigned i = 1; i < list.nr; i++) {
        if (!prepare(list.apic_ids[i], alloc)) {
            log_warning(LOG_ARCH, "cpu", "no memory for the stacks of %u of %u processors",
                        list.nr - i, list.nr);
            break;
        }
    }
    begin_start(now_ms);
}

static void send_starts(void)
{
    for (unsigned id = 1; id < cpus_nr_found; id++) {
        u32 found = START_WITHDRAWN;
        /* At the second message of a round it is asked already, and may begin right now. */
        __atomic_compare_exchange_n(&cpus_table[id].start, &found, START_ASKED, false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
        if (found != START_BEGUN)
            apic_send_start(cpus_table[id].apic_id, LOW_START_PAGE);
    }
}

static bool all_named_run(void)
{
    for (unsigned id = 1; id < nr_named && id < cpus_nr_found; id++) {
        if (!cpus_runs(id))
            return false;
    }
    return true;
}

static void report(void)
{
    step = STEP_NOTHING;
    for (unsigned id = 1; id < nr_named && id < cpus_nr_found; id++) {
        if (!cpus_runs(id))
            log_warning(LOG_ARCH, "cpu", "processor %u (APIC id %u) did not start within %d ms", id,
                        cpus_table[id].apic_id, START_LIMIT_MS);
    }
    log_info(LOG_ARCH, "cpu", "%u processors run, found by %s", cpus_nr_running, list_source);
}

int cpus_check_idle(void)
{
    if (!low_memory_is_ram())
        return E_UNSUPPORTED;
    return step != STEP_NOTHING || !cpus_none_busy() ? E_BUSY : OK;
}

void cpus_park(void)
{
    for (unsigned id = 1; id < cpus_nr_found; id++)
        apic_send_init(cpus_table[id].apic_id);
}

void cpus_resume(u64 now_ms)
{
    begin_start(now_ms);
}

void cpus_service(u64 now_ms)
{
    if (step == STEP_NOTHING)
        return;
    cpus_nr_running = 1;
    for (unsigned id = 1; id < cpus_nr_found; id++)
        cpus_nr_running += cpus_runs(id);
    u64 limit_ms = all_named_run() ? UNNAMED_MS : START_LIMIT_MS;
    if (cpus_nr_running == cpus_nr_found || now_ms - start_ms >= limit_ms) {
        report();
    } else if (now_ms >= next_step_ms && step == STEP_WAIT) {
        send_inits(now_ms);
        round_ms *= 2;
    } else if (now_ms >= next_step_ms) {
        send_starts();
        step++;
        next_step_ms = now_ms + (step == STEP_WAIT ? round_ms : STEP_MS);
    }
}

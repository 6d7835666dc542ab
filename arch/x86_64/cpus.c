/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processors beside the one that booted: starting them, giving them work,
 * telling them what was unmapped, and stopping them.
 *
 * One without work sleeps with interrupts on and costs nothing, not even a
 * message when memory is unmapped: it touches none meanwhile, and forgets all its
 * translations before it takes work again. Nothing here waits for a processor to
 * start: cpus_service() takes one step each time it is called.
 */
#include "arch/x86_64/cpus.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpu_list.h"
#include "arch/x86_64/interrupts.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/stacks.h"
#include "arch/x86_64/traps.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/string.h"

#define CPUID_HTT       (1 << 28) /* leaf 1, edx: the number of logical processors is told */
#define STEP_MS         20        /* two ticks: at least the 10 ms between INIT and start */
#define START_LIMIT_MS  2000
#define FLUSH_SPINS_MAX 1000000000u /* many seconds: a host may not run that processor for long */
#define STOP_SPINS_MAX  10000000u

struct cpu_job {
    void (*function)(void *context); /* NULL: none. Set by the giver, cleared when it is done. */
    void *context;
};

/* What processors know of each other. */
struct processor {
    u8 apic_id;
    u32 runs;    /* set by itself, for good */
    u32 stopped; /* set by itself, for good: it stands still */
    u32 busy;    /* it may touch any memory; written by itself */
    u32 flushed; /* the last flush it has done or that it need not do; written by itself */
    struct cpu_job job;
} aligned_to(64);

static struct processor processors[CPUS_MAX];
static unsigned nr_found = 1;
static unsigned nr_running = 1;
static bool has_low_pages; /* CPU_START_PAGE and CPU_WAKE_PAGE are RAM */
static u32 stopper;        /* the processor that ends the machine, plus 1 */

/* What cpus_service() does next, and when. */
static enum {
    STEP_NOTHING,
    STEP_START,
    STEP_START_AGAIN, /* a first message may be lost */
    STEP_WAIT,
} step;
static u64 next_step_ms;
static u64 give_up_ms;
static const char *list_source;
static unsigned nr_named; /* the processors after these may not exist */

/* By APIC id: the stack on which a processor begins. cpu_start.S reads it. */
u64 cpu_start_stacks[256];

extern const u8 cpu_start_code[];
extern const u8 cpu_start_code_end[];

/* What to forget; changed by a flush's caller while no other processor reads it. */
static struct {
    paddr_t paddr;
    u64 bytes;
    u32 number; /* counts the flushes; published last */
} flush;

bool cpus_exists(unsigned id)
{
    return id < nr_found;
}

bool cpus_runs(unsigned id)
{
    return id < nr_found && __atomic_load_n(&processors[id].runs, __ATOMIC_ACQUIRE) != 0;
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
    for (u32 spins = 0; !flush_is_done(&processors[id], number); spins++) {
        if (spins == FLUSH_SPINS_MAX)
            panic("cpu %u does not answer: it may still use memory that was unmapped", id);
        cpu_relax();
    }
}

void cpus_flush(paddr_t paddr, u64 bytes)
{
    bool asked[CPUS_MAX] = {false};

    paging_flush_here(paddr, bytes);
    if (nr_found == 1)
        return;
    flush.paddr = paddr;
    flush.bytes = bytes;
    /*
     * Orders the page tables, written before, and the number against `busy`,
     * read after: a processor that is not seen busy here sees the number in become_busy().
     */
    u32 number = __atomic_add_fetch(&flush.number, 1, __ATOMIC_SEQ_CST);
    for (unsigned id = 0; id < nr_found; id++) {
        if (id == cpu_id() || __atomic_load_n(&processors[id].busy, __ATOMIC_SEQ_CST) == 0)
            continue;
        asked[id] = true;
        apic_send(processors[id].apic_id, VECTOR_FLUSH);
    }
    processors[cpu_id()].flushed = number;
    for (unsigned id = 0; id < nr_found; id++) {
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
    paging_flush_here(flush.paddr, flush.bytes);
    __atomic_store_n(&self->flushed, number, __ATOMIC_RELEASE);
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
        take_flush(&processors[cpu_id()]);
    apic_end();
}

/* ---- work ---- */

static bool has_job(void)
{
    return __atomic_load_n(&processors[cpu_id()].job.function, __ATOMIC_ACQUIRE) != NULL;
}

_Noreturn static void serve(struct processor *self)
{
    for (;;) {
        cpu_idle(has_job);
        if (!has_job())
            continue;
        become_busy(self);
        self->job.function(self->job.context);
        __atomic_store_n(&self->busy, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&self->job.function, NULL, __ATOMIC_RELEASE);
        apic_send(processors[0].apic_id, VECTOR_WAKE);
    }
}

bool cpus_settled(void)
{
    return step == STEP_NOTHING;
}

unsigned cpus_running(void)
{
    return nr_running;
}

bool cpus_busy(unsigned id)
{
    return __atomic_load_n(&processors[id].job.function, __ATOMIC_ACQUIRE) != NULL;
}

int cpus_start_job(unsigned id, void (*function)(void *context), void *context)
{
    if (id == 0 || !cpus_runs(id))
        return E_NODEV;
    if (cpus_busy(id))
        return E_BUSY;
    processors[id].job.context = context;
    __atomic_store_n(&processors[id].job.function, function, __ATOMIC_RELEASE);
    apic_send(processors[id].apic_id, VECTOR_WAKE);
    return OK;
}

static bool none_busy(void)
{
    for (unsigned id = 1; id < nr_found; id++) {
        if (cpus_busy(id))
            return false;
    }
    return true;
}

int cpus_run(unsigned nr, void (*function)(void *context), void *context)
{
    if (nr == 0 || nr > nr_running)
        return E_NODEV;
    if (!none_busy())
        return E_BUSY;
    for (unsigned id = 1, left = nr - 1; left > 0; id++) {
        if (!cpus_runs(id))
            continue;
        int status = cpus_start_job(id, function, context);
        if (status != OK)
            panic("cpu %u was idle and cannot start a job: %s", id, status_name(status));
        left--;
    }
    function(context);
    while (!none_busy())
        cpu_idle(none_busy);
    return OK;
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
    __atomic_store_n(&processors[cpu_id()].stopped, 1, __ATOMIC_RELEASE);
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
    for (unsigned id = 0; id < nr_found; id++) {
        if (id != cpu_id() && cpus_runs(id))
            apic_send_nmi(processors[id].apic_id);
    }
    for (unsigned id = 0; id < nr_found; id++) {
        const struct processor *other = &processors[id];

        /* One that does not even take an NMI cannot be waited for. */
        for (u32 spins = 0; id != cpu_id() && cpus_runs(id) && spins < STOP_SPINS_MAX; spins++) {
            if (__atomic_load_n(&other->stopped, __ATOMIC_ACQUIRE) != 0)
                break;
            cpu_relax();
        }
    }
}

/* ---- start ---- */

void cpu_started(u32 apic_id)
{
    unsigned id = 1;

    while (processors[id].apic_id != apic_id)
        id++;
    struct processor *self = &processors[id];

    self->flushed = __atomic_load_n(&flush.number, __ATOMIC_ACQUIRE);
    paging_load();
    cpu_setup(id);
    apic_init_other();
    __atomic_store_n(&self->runs, 1, __ATOMIC_SEQ_CST);
    cpus_stop_if_asked(); /* one that ends the machine has not seen `runs` */
    serve(self);
}

static bool is_ram(const struct boot_info *boot, paddr_t paddr, u64 bytes)
{
    for (u32 i = 0; i < boot->nr_ranges; i++) {
        const struct boot_memory_range *range = &boot->ranges[i];

        if (range->type == BOOT_MEMORY_RAM && paddr >= range->base &&
            paddr - range->base < range->bytes && bytes <= range->bytes - (paddr - range->base))
            return true;
    }
    return false;
}

/* Stacks for one more processor; false when memory is out. */
static bool prepare(u8 apic_id, paddr_t (*alloc)(unsigned order))
{
    paddr_t memory = alloc(CPU_STACKS_ORDER);

    if (memory == PADDR_NONE || stacks_make(memory) != OK)
        return false;
    processors[nr_found].apic_id = apic_id;
    cpu_start_stacks[apic_id] = stack_cpu_top(nr_found);
    nr_found++;
    return true;
}

/* APIC ids of a package: the logical processors that CPUID tells, rounded up. */
static unsigned package_ids(void)
{
    struct cpuid_result features = cpuid(1);
    unsigned nr = (features.edx & CPUID_HTT) != 0 ? features.ebx >> 16 & 0xff : 1;
    unsigned ids = 1;

    while (ids < nr)
        ids *= 2;
    return ids;
}

/* The first step; cpus_service() does the others. */
static void begin_start(u64 now_ms)
{
    for (unsigned id = 1; id < nr_found; id++)
        apic_send_init(processors[id].apic_id);
    step = nr_found > 1 ? STEP_START : STEP_NOTHING;
    next_step_ms = now_ms + STEP_MS;
    give_up_ms = now_ms + START_LIMIT_MS;
}

void cpus_init(const struct boot_info *boot, u64 now_ms, paddr_t (*alloc)(unsigned order))
{
    struct cpu_list list;

    processors[0] = (struct processor){.runs = 1, .busy = 1};
    has_low_pages = is_ram(boot, CPU_START_PAGE, 2 * PAGE_BYTES);
    if (has_low_pages)
        memcpy(phys_to_virt(CPU_START_PAGE), cpu_start_code,
               (size_t)(cpu_start_code_end - cpu_start_code));
    processors[0].apic_id = (u8)(cpuid(1).ebx >> 24);
    if (!apic_is_usable())
        return;
    cpu_list_find(boot, processors[0].apic_id, package_ids(), &list);
    list_source = list.source;
    nr_named = list.nr_named;
    if (list.nr == 1)
        return;
    if (!has_low_pages) {
        log_warning(LOG_ARCH, "cpu", "no RAM at 0x%x to start other processors from",
                    CPU_START_PAGE);
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
    for (unsigned id = 1; id < nr_found; id++) {
        if (!cpus_runs(id))
            apic_send_start(processors[id].apic_id, CPU_START_PAGE);
    }
}

static void report(void)
{
    step = STEP_NOTHING;
    for (unsigned id = 1; id < nr_named && id < nr_found; id++) {
        if (!cpus_runs(id))
            log_warning(LOG_ARCH, "cpu", "processor %u (APIC id %u) did not start within %d ms", id,
                        processors[id].apic_id, START_LIMIT_MS);
    }
    log_info(LOG_ARCH, "cpu", "%u processors run, found by %s", nr_running, list_source);
}

int cpus_suspend(void)
{
    if (!has_low_pages)
        return E_UNSUPPORTED;
    return step != STEP_NOTHING || !none_busy() ? E_BUSY : OK;
}

void cpus_resume(u64 now_ms)
{
    for (unsigned id = 1; id < nr_found; id++)
        processors[id].runs = 0;
    nr_running = 1;
    begin_start(now_ms);
}

void cpus_service(u64 now_ms)
{
    if (step == STEP_NOTHING)
        return;
    nr_running = 1;
    for (unsigned id = 1; id < nr_found; id++)
        nr_running += cpus_runs(id);
    if (nr_running == nr_found || now_ms >= give_up_ms) {
        report();
    } else if (step != STEP_WAIT && now_ms >= next_step_ms) {
        send_starts();
        step++;
        next_step_ms = now_ms + STEP_MS;
    }
}

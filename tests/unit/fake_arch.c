/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_arch.h. What has no effect that the kernel could see is empty. */
#include "tests/unit/fake_arch.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "arch/x86_64/arch.h"
#include "arch/x86_64/paging.h"
#include "include/status.h"
#include "tests/unit/fake_platform.h"
#include "tests/unit/include/asm/cpu.h"
#include "tests/unit/unit.h"

#define TICK_MS     10
#define INPUT_BYTES 4096

struct cpu {
    pthread_t thread;
    void (*function)(void *context);
    void *context;
    bool has_thread; /* which was not joined yet */
    u32 busy;        /* cleared by the thread */
};

struct fake_board fake_board;

static struct cpu cpus[CPUS_MAX];
static unsigned nr_cpus;
static unsigned nr_failing;
static unsigned nr_threads; /* that were not joined yet */
static bool cpus_started;
static char input[INPUT_BYTES];
static size_t input_bytes;
static size_t input_read;
static u32 acpi_events;

void fake_arch_start(void)
{
    for (unsigned id = 0; id < CPUS_MAX; id++)
        assert_false(cpus_busy(id));
    nr_cpus = 1;
    nr_failing = 0;
    cpus_started = false;
    input_bytes = input_read = 0;
    acpi_events = 0;
    fake_board = (struct fake_board){.sleep_status = E_UNSUPPORTED, .handover_status = E_NOMEM};
}

/* ---- processors ---- */

void fake_cpus_set(unsigned nr, unsigned failing)
{
    assert_true(nr >= 1 && nr <= CPUS_MAX && failing < nr);
    nr_cpus = nr;
    nr_failing = failing;
}

void cpus_init(const struct boot_info *boot, u64 now_ms, paddr_t (*alloc)(unsigned order))
{
    (void)now_ms;
    assert_non_null(boot);
    fake_board.alloc_stacks = alloc;
    cpus_started = nr_cpus == 1;
}

void cpus_service(u64 now_ms)
{
    (void)now_ms;
    cpus_started = cpus_started || fake_board.alloc_stacks != NULL;
}

bool cpus_settled(void)
{
    return cpus_started;
}

bool cpus_exists(unsigned id)
{
    return id < nr_cpus;
}

bool cpus_runs(unsigned id)
{
    return id == 0 || (cpus_started && id > nr_failing && id < nr_cpus);
}

unsigned cpus_running(void)
{
    return cpus_started ? nr_cpus - nr_failing : 1;
}

static void *run(void *context)
{
    struct cpu *cpu = context;
    fake_cpu_id = (u32)(cpu - cpus);
    cpu->function(cpu->context);
    __atomic_store_n(&cpu->busy, 0, __ATOMIC_RELEASE);
    return NULL;
}

int cpus_start_job(unsigned id, void (*function)(void *context), void *context)
{
    if (id == 0 || !cpus_runs(id))
        return E_NODEV;
    if (cpus_busy(id))
        return E_BUSY;
    cpus[id] = (struct cpu){.function = function, .context = context, .busy = 1};
    assert_int_equal(pthread_create(&cpus[id].thread, NULL, run, &cpus[id]), 0);
    cpus[id].has_thread = true;
    nr_threads++;
    return OK;
}

bool cpus_busy(unsigned id)
{
    if (__atomic_load_n(&cpus[id].busy, __ATOMIC_ACQUIRE) != 0)
        return true;
    if (cpus[id].has_thread) {
        pthread_join(cpus[id].thread, NULL);
        nr_threads--;
    }
    cpus[id].has_thread = false;
    return false;
}

int cpus_run(unsigned nr, void (*function)(void *context), void *context)
{
    if (nr > cpus_running())
        return E_NODEV;
    for (unsigned id = 1; id < nr + nr_failing; id++) {
        if (cpus_busy(id))
            return E_BUSY;
    }
    for (unsigned id = 1; id < nr + nr_failing; id++) {
        if (cpus_runs(id))
            assert_int_equal(cpus_start_job(id, function, context), OK);
    }
    function(context);
    for (unsigned id = 1; id < nr + nr_failing; id++) {
        while (cpus_busy(id))
            sched_yield();
    }
    return OK;
}

void cpu_idle(bool (*work_pending)(void))
{
    if (work_pending())
        return;
    if (nr_threads > 0)
        sched_yield();
    fake_advance_ms(TICK_MS);
}

/* ---- serial port ---- */

void fake_type(const char *text)
{
    size_t bytes = strlen(text);
    if (input_read == input_bytes)
        input_read = input_bytes = 0;
    assert_true(input_bytes + bytes <= sizeof(input));
    memcpy(input + input_bytes, text, bytes);
    input_bytes += bytes;
}

bool fake_all_read(void)
{
    return input_read == input_bytes;
}

int serial_read(void)
{
    return fake_all_read() ? -1 : (u8)input[input_read++];
}

void serial_enable_input(void)
{
}

void serial_drain(void)
{
}

/* ---- ACPI, sleep, handover ---- */

void fake_acpi_raise(u32 events)
{
    acpi_events |= events;
}

u32 acpi_take_events(void)
{
    u32 events = acpi_events;
    acpi_events = 0;
    return events;
}

bool acpi_events_pending(void)
{
    return acpi_events != 0;
}

/* So acpi.c finds no tables. */
int paging_map_firmware(paddr_t paddr, u64 bytes)
{
    (void)paddr;
    (void)bytes;
    return E_RANGE;
}

void acpi_power_init(void)
{
}

void acpi_power_off(void)
{
    fake_board.nr_power_offs++;
}

void acpi_resume(void)
{
}

u64 suspend_copy_bytes(void)
{
    return 3 * PAGE_BYTES + 1;
}

int suspend_to_ram(paddr_t copy)
{
    if (fake_board.sleep_status != OK)
        return fake_board.sleep_status;
    memset(phys_to_virt(copy), 0x5a, suspend_copy_bytes());
    fake_board.nr_sleeps++;
    if (fake_board.on_sleep)
        fake_board.on_sleep();
    return OK;
}

int handover_check(void)
{
    return fake_board.handover_allowed;
}

int handover_enter(const struct boot_info *boot, const char *cmdline,
                   const struct handover_copy *copies, unsigned nr_copies, u32 entry)
{
    assert_non_null(boot);
    assert_non_null(copies);
    fake_board.handover_entry = entry;
    fake_board.nr_handover_copies = nr_copies;
    snprintf(fake_board.handover_cmdline, sizeof(fake_board.handover_cmdline), "%s", cmdline);
    return fake_board.handover_status;
}

/* ---- the rest ---- */

void paging_init(const struct boot_info *boot, paddr_t (*alloc)(u64 bytes))
{
    (void)boot;
    assert_true(alloc(PAGE_BYTES) != PADDR_NONE);
}

void paging_set_table_allocator(paddr_t (*alloc)(void), paddr_t (*alloc_for_area)(void),
                                void (*release)(paddr_t paddr))
{
    (void)alloc_for_area;
    fake_board.alloc_table = alloc;
    fake_board.release_table = release;
}

u64 paging_nr_waits(void)
{
    return 0;
}

void trap_set_address_describer(bool (*describe)(u64 address, char *text, size_t bytes))
{
    fake_board.describe = describe;
}

void screen_start(const struct boot_screen *screen)
{
    (void)screen;
    fake_board.screen_is_on = true;
}

void screen_off(void)
{
}

void interrupts_init(void)
{
}

void interrupts_enable(void)
{
}

void timer_init(void)
{
}

bool arch_crash(const char *kind)
{
    (void)kind;
    return false;
}

const char *arch_crash_kinds(void)
{
    return "fake-trap";
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_arch.h. Functions without an effect that the kernel could see are empty. */
#include "tests/fakes/fake_arch.h"

#include <stdio.h>

#include "arch/x86_64/arch.h"
#include "arch/x86_64/paging.h"
#include "extras/crash/crash_kinds.h"
#include "extras/handover/handover.h"
#include "extras/power/power.h"
#include "extras/suspend/suspend.h"
#include "extras/vm/vm_paging.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/fakes/fake_cpus.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

struct fake_board fake_board;

static u32 acpi_events;
static u64 armed_ms;

void fake_arch_start(void)
{
    fake_cpus_reset(1);
    acpi_events = 0;
    fake_board = (struct fake_board){.sleep_status = E_UNSUPPORTED, .handover_status = E_NOMEM};
}

/* Those that are there run already: see fake_cpus.h. */
void cpus_init(const struct boot_info *boot, u64 now_ms, paddr_t (*alloc)(unsigned order))
{
    (void)now_ms;
    assert_non_null(boot);
    fake_board.alloc_stacks = alloc;
}

void cpus_service(u64 now_ms)
{
    (void)now_ms;
}

void timer_arm(u64 at_ms)
{
    armed_ms = at_ms;
}

/* Sleep until something is due: no tick comes. */
void cpu_idle(bool (*work_pending)(void))
{
    if (work_pending() || (fake_board.run_others && fake_board.run_others()))
        return;
    u64 now_ms = platform_now_ms();
    u64 until_ms = fake_board.awake_ms > now_ms ? fake_board.awake_ms : now_ms + FAKE_IDLE_MS;
    fake_advance_ms(min_u64(armed_ms, until_ms) - now_ms);
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

void low_memory_init(const struct boot_info *boot)
{
    assert_non_null(boot);
}

const char *suspend_refusal(void)
{
    return fake_board.sleep_refusal;
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

void paging_set_table_allocator(paddr_t (*alloc)(void), void (*release)(paddr_t paddr))
{
    fake_board.alloc_table = alloc;
    fake_board.release_table = release;
}

u64 paging_nr_waits(void)
{
    return 0;
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

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock: the time stamp counter, which costs a host nothing to read, put right by ACPI's timer.
 * That one stands still while the host has stopped the machine, and runs alike on each host to
 * which the machine migrates. It is read after each alarm, and after CHECK_MS at the latest.
 *
 * Without ACPI's timer the clock is the time stamp counter alone.
 */
#include "arch/x86_64/arch.h"
#include "asm/cpu.h"
#include "asm/io.h"
#include "extras/tickless/tickless.h"
#include "include/units.h"
#include "lib/string.h"

#define FADT_PM_TIMER    76
#define PM_TIMER_HZ      3579545
#define PM_TIMER_MODULUS ((u64)1 << 24) /* all bits that each machine has: 4.7 s */
#define READS_MAX        1000           /* a timer that runs has moved by then */

#define CHECK_MS 2500
#define RATE_MS  500 /* so much must have passed before the speed is corrected */

static u64 stamps_per_ms = CPU_STAMP_HZ / 1000;
static u64 base_stamp; /* when the clock was put right last */
static u64 base_ms;
static volatile u64 shown_ms;
static bool check_is_due;
static bool slept_unarmed; /* since then */

static u16 pm_timer_port; /* 0: there is none */
static u32 last_count;
static u64 rest; /* of a millisecond, in 1/1000 of a count */

/* ---- ACPI's timer ---- */

static u32 read_pm_timer(void)
{
    return io_read32(pm_timer_port) % PM_TIMER_MODULUS;
}

bool clock_find_timer(void)
{
    u32 bytes;
    u32 port;
    const u8 *fadt = acpi_find_table("FACP", &bytes);

    pm_timer_port = 0;
    if (fadt == NULL || bytes < FADT_PM_TIMER + sizeof(port))
        return false;
    memcpy(&port, fadt + FADT_PM_TIMER, sizeof(port));
    if (port == 0 || port > UINT16_MAX)
        return false;
    pm_timer_port = (u16)port;
    last_count = read_pm_timer();
    for (unsigned i = 0; i < READS_MAX; i++) {
        if (read_pm_timer() != last_count)
            return true;
    }
    pm_timer_port = 0;
    return false;
}

/* What has passed since the last call. It may have gone round only where the estimate says so. */
static u64 pm_timer_ms(u64 estimate_ms)
{
    u32 count = read_pm_timer();
    u64 passed = (count + PM_TIMER_MODULUS - last_count) % PM_TIMER_MODULUS;
    u64 estimate = estimate_ms * PM_TIMER_HZ / 1000;

    if (estimate > passed)
        passed += (estimate - passed + PM_TIMER_MODULUS / 2) & ~(PM_TIMER_MODULUS - 1);
    last_count = count;
    rest += passed * 1000;
    u64 ms = rest / PM_TIMER_HZ;
    rest %= PM_TIMER_HZ;
    return ms;
}

/* ---- the clock ---- */

/* A counter that ran backwards, or many times too fast or slowly, was exchanged or stood still:
 * that says nothing of its speed. */
static void put_right(u64 stamps)
{
    u64 ms = (i64)stamps < 0 ? shown_ms - base_ms : stamps / stamps_per_ms;

    if (pm_timer_port != 0) {
        ms = pm_timer_ms(slept_unarmed ? ms : 0);
        u64 speed = stamps / max_u64(ms, 1);
        if (ms >= RATE_MS && speed >= stamps_per_ms / 4 && speed <= stamps_per_ms * 4)
            stamps_per_ms = speed;
    }
    base_ms += ms;
    base_stamp += stamps;
    check_is_due = slept_unarmed = false;
}

u64 clock_now_ms(void)
{
    if (cpu_id() != 0)
        return shown_ms;
    u64 flags = irq_save();
    u64 stamps = cpu_stamp() - base_stamp;
    if (check_is_due || stamps / stamps_per_ms >= CHECK_MS) {
        put_right(stamps);
        stamps = 0;
    }
    shown_ms = max_u64(shown_ms, base_ms + stamps / stamps_per_ms);
    irq_restore(flags);
    return shown_ms;
}

u64 clock_stamps(u64 ms)
{
    return ms * stamps_per_ms;
}

void clock_check(void)
{
    check_is_due = true;
}

void clock_sleep_unarmed(void)
{
    slept_unarmed = true;
}

void clock_start(u64 stamps_a_ms)
{
    if (pm_timer_port != 0)
        last_count = read_pm_timer();
    stamps_per_ms = stamps_a_ms;
    base_ms = shown_ms;
    base_stamp = cpu_stamp();
    check_is_due = slept_unarmed = false;
}

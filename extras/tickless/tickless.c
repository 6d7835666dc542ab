/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The alarm: one interrupt for what is due next, in place of a hundred a second. It is the deadline
 * of the local APIC where there is one, else the local APIC's counter, else the 8254's channel 0.
 *
 * An alarm that comes early does no harm: who sleeps arms it again. So it is left alone where it is
 * armed for an earlier time than the one asked for, and a long wait is several alarms.
 */
#include "extras/tickless/tickless.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/interrupts.h"
#include "arch/x86_64/timer.h"
#include "arch/x86_64/traps.h"
#include "asm/io.h"
#include "asm/mmio.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"

#define CHANNEL_0_ONCE  0x30 /* low byte, then high byte; mode 0: it interrupts at 0 */
#define CHANNEL_0_LATCH 0x00
#define COUNTS_MAX      0xffff
/* How long to measure: the first if ACPI's timer will put it right, 0.06 ms or so. */
#define SHORT_STAMPS  (1 << 17)
#define LONG_STAMPS   (1 << 20)
#define SPARE_STAMPS  (1 << 16) /* what the accesses of a try may take */
#define MEASURE_TRIES 8
#define LEARN_MS      100 /* the shortest alarm of which the counter's speed is learnt */

#define CPUID_DEADLINE    (1 << 24) /* leaf 1, ecx */
#define MSR_APIC_BASE     0x1b
#define APIC_BASE_ADDRESS 0x000ffffffffff000
#define MSR_DEADLINE      0x6e0

#define REGISTER_TIMER   0x320
#define REGISTER_INITIAL 0x380
#define REGISTER_CURRENT 0x390
#define REGISTER_DIVIDE  0x3e0
#define TIMER_MASKED     0x10000
#define TIMER_DEADLINE   0x40000
#define DIVIDE_BY_16     3

/* The longest wait: ACPI's timer must not go round unseen, and the 8254 has 16 bits. */
#define APIC_MS_MAX      2000
#define CHANNEL_0_MS_MAX 50

static enum { ALARM_CHANNEL_0, ALARM_COUNTER, ALARM_DEADLINE } alarm;
static volatile u8 *apic;
static u64 apic_counts_per_ms;
static u64 armed_ms;      /* TIMER_NEVER: it is not */
static u64 shot_begin_ms; /* of the time until then, */
static u64 shot_ms;       /* and how long it is */
static bool works;
static bool is_measured; /* when the first alarm is armed, which a start does without */

/* ---- the hardware ---- */

static void start_channel_0(u64 counts)
{
    io_write8(CHANNEL_0, (u8)counts);
    io_write8(CHANNEL_0, (u8)(counts >> 8));
}

static void choose_alarm(void)
{
    volatile void *mapped;

    alarm = ALARM_CHANNEL_0;
    if (!apic_is_usable() ||
        platform_map_mmio(msr_read(MSR_APIC_BASE) & APIC_BASE_ADDRESS, PAGE_BYTES, &mapped) != OK)
        return;
    apic = mapped;
    alarm = (cpuid(1).ecx & CPUID_DEADLINE) != 0 ? ALARM_DEADLINE : ALARM_COUNTER;
    mmio_write32(apic + REGISTER_DIVIDE, DIVIDE_BY_16);
    mmio_write32(apic + REGISTER_TIMER,
                 alarm == ALARM_DEADLINE ? VECTOR_TIMER | TIMER_DEADLINE : VECTOR_TIMER);
}

/*
 * Measure the time stamp counter and the local APIC's by the 8254. Where nothing counts, the first
 * stays what it is taken for. Returns the steps of the time stamp counter in a millisecond. Each
 * time is taken after the access that it belongs to, at both ends, so what one takes is left out.
 * The shortest of a few tries counts: during the others the host ran something else.
 */
static u64 measure(u64 length)
{
    u64 speed = CPU_STAMP_HZ / 1000;
    u64 shortest = UINT64_MAX;

    io_write8(TIMER_CONTROL, CHANNEL_0_ONCE);
    for (unsigned i = 0; i < MEASURE_TRIES && shortest > length + SPARE_STAMPS; i++) {
        u32 apic_counts = 0;
        u64 before = cpu_stamp();
        start_channel_0(COUNTS_MAX);
        u64 begin = cpu_stamp();
        if (alarm == ALARM_COUNTER)
            mmio_write32(apic + REGISTER_INITIAL, UINT32_MAX);
        u64 apic_begin = cpu_stamp();
        while (cpu_stamp() - apic_begin < length)
            cpu_relax();
        io_write8(TIMER_CONTROL, CHANNEL_0_LATCH);
        u64 end = cpu_stamp();
        u32 counts = COUNTS_MAX - io_read8(CHANNEL_0);
        counts -= (u32)io_read8(CHANNEL_0) << 8;
        if (alarm == ALARM_COUNTER)
            apic_counts = UINT32_MAX - mmio_read32(apic + REGISTER_CURRENT);
        u64 apic_end = cpu_stamp();
        if (apic_end - before >= shortest)
            continue;
        shortest = apic_end - before;
        if (counts != 0)
            speed = (end - begin) * INPUT_HZ / counts / 1000;
        apic_counts_per_ms = apic_counts * speed / (apic_end - apic_begin);
    }
    return speed;
}

static void start_alarm(u64 ms)
{
    if (alarm == ALARM_DEADLINE)
        msr_write(MSR_DEADLINE, cpu_stamp() + clock_stamps(ms));
    else if (alarm == ALARM_COUNTER)
        mmio_write32(apic + REGISTER_INITIAL, (u32)(ms * apic_counts_per_ms));
    else
        start_channel_0(ms * INPUT_HZ / 1000);
}

/* ---- the alarm ---- */

static void arm(u64 at_ms)
{
    u64 now_ms = clock_now_ms();

    if (!is_measured) {
        is_measured = true;
        clock_start(measure(clock_find_timer() ? SHORT_STAMPS : LONG_STAMPS));
    }
    if (armed_ms <= now_ms) /* it is on its way, or lost */
        armed_ms = TIMER_NEVER;
    if (at_ms == TIMER_NEVER && armed_ms == TIMER_NEVER)
        clock_sleep_unarmed();
    if (at_ms >= armed_ms)
        return;
    u64 ms_max = alarm == ALARM_CHANNEL_0 ? CHANNEL_0_MS_MAX : APIC_MS_MAX;
    u64 ms = min_u64(max_u64(at_ms, now_ms + 1) - now_ms, ms_max);
    shot_begin_ms = now_ms;
    armed_ms = now_ms + ms;
    shot_ms = ms + ms / 64 + 1; /* rather a little late than too early, and twice */
    start_alarm(shot_ms);
}

static void interrupt(void)
{
    armed_ms = TIMER_NEVER;
    works = true;
    clock_check();
    /* A host may be late with it, but not early: then the counter is faster than was measured. */
    u64 passed_ms = clock_now_ms() - shot_begin_ms;
    if (passed_ms >= LEARN_MS && passed_ms < shot_ms)
        apic_counts_per_ms = apic_counts_per_ms * shot_ms / passed_ms;
}

bool alarm_works(void)
{
    return works;
}

void alarm_stop(void)
{
    if (alarm != ALARM_CHANNEL_0)
        mmio_write32(apic + REGISTER_TIMER, VECTOR_TIMER | TIMER_MASKED);
}

static void start_all(void)
{
    static struct timer_clock clock = {.now_ms = clock_now_ms, .arm = arm, .interrupt = interrupt};

    choose_alarm();
    clock.needs_line = alarm == ALARM_CHANNEL_0;
    clock_start(clock_stamps(1));
    armed_ms = TIMER_NEVER;
    works = is_measured = false;
    timer_set_clock(&clock);
}

EXTRA(tickless) = {.name = "tickless", .timer_started = start_all};

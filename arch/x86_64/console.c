/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the console's text goes: to the serial port, and to an extra; one processor at a time. */
#include "arch/x86_64/serial.h"
#include "arch/x86_64/smp/cpus.h"
#include "asm/cpu.h"
#include "include/extra.h"
#include "include/platform.h"

/* A processor that was stopped may hold it for ever: the last one that runs does not take it. */
static u32 locked;

u64 platform_console_lock(void)
{
    u64 flags = irq_save();

    while (!cpus_is_last() && __atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE) != 0)
        cpu_relax();
    return flags;
}

void platform_console_unlock(u64 flags)
{
    __atomic_store_n(&locked, 0, __ATOMIC_RELEASE);
    irq_restore(flags);
}

static void show_nowhere(const char *text, size_t bytes)
{
    (void)text;
    (void)bytes;
}

/* A line comes in many pieces: the table is searched once, for the one extra that shows text. */
static void find_and_show(const char *text, size_t bytes);
static void (*show)(const char *text, size_t bytes) = find_and_show;

static void find_and_show(const char *text, size_t bytes)
{
    show = show_nowhere;
    for_each_extra (extra) {
        if (extra->console_write)
            show = extra->console_write;
    }
    show(text, bytes);
}

void platform_console_write(const char *text, size_t bytes)
{
    serial_write(text, bytes);
    show(text, bytes);
}

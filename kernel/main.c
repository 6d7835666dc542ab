/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel from kmain() on: everything is set up in order, one line each,
 * and then one loop serves the devices and the monitor. Nothing in a turn of the loop
 * waits but the sleep at its end.
 */
#include "arch/x86_64/arch.h"
#include "drivers/pci/pci.h"
#include "include/extra.h"
#include "include/platform.h"
#include "kernel/devices.h"
#include "kernel/kmain.h"
#include "kernel/options.h"
#include "lib/console.h"
#include "lib/log.h"
#include "mm/early.h"
#include "mm/page.h"

#define CPUS_LOOK_MS 10 /* while processors are started */

static const struct boot_info *boot_info;
/* The loop asks those that want to be asked, not the whole table. */
static const struct extra *polled[EXTRAS_HAVING_MAX], *due[EXTRAS_HAVING_MAX];
static unsigned nr_polled, nr_due;

static struct options options;
static bool ready; /* "tide: ready" was said: the monitor runs */

static void release_table(paddr_t paddr)
{
    page_free(paddr, 0);
}

static paddr_t alloc_stacks(unsigned order)
{
    return page_alloc(order, PAGE_KERNEL);
}

/* If not, the timer is armed for what comes next. Interrupts are off from here to the sleep. */
static bool work_pending(void)
{
    u64 now_ms = platform_now_ms();
    u64 next_ms = min_u64(devices_due_ms(), cpus_settled() ? TIMER_NEVER : now_ms + CPUS_LOOK_MS);
    for (unsigned i = 0; i < nr_due; i++)
        next_ms = min_u64(next_ms, due[i]->due_ms());
    if (next_ms > now_ms)
        timer_arm(next_ms);
    return next_ms <= now_ms;
}

static void report_boot(const struct boot_info *boot)
{
    u64 ram_bytes = 0;
    for (u32 i = 0; i < boot->nr_ranges; i++) {
        if (boot->ranges[i].type == BOOT_MEMORY_RAM)
            ram_bytes += boot->ranges[i].bytes;
    }
    console_printf("Tide, by %s, %lu KiB of boot RAM\n", boot->protocol,
                   (unsigned long)(ram_bytes / 1024));
    if (boot->cmdline_truncated)
        log_warning(LOG_KERNEL, "boot", "the command line is longer than %d bytes and was cut",
                    BOOT_CMDLINE_BYTES - 1);
    if (boot->nr_ranges_dropped > 0)
        log_warning(LOG_KERNEL, "boot", "%u memory ranges did not fit and are not used",
                    boot->nr_ranges_dropped);
}

void kernel_start(const struct boot_info *boot)
{
    ready = false;
    nr_polled = extras_having(offsetof(struct extra, poll), polled);
    nr_due = extras_having(offsetof(struct extra, due_ms), due);
    report_boot(boot);
    boot_info = boot;
    options = (struct options){0};
    EXTRAS_CALL(parse_cmdline, boot->cmdline, boot->cmdline_truncated, &options);
    low_memory_init(boot);
    early_init(boot);
    paging_init(boot, early_alloc);
    acpi_init(boot);
    interrupts_init();
    timer_init();
    page_init(boot);
    EXTRAS_CALL(mm_init);
    paging_set_table_allocator(page_alloc_table, release_table);
    serial_enable_input();
    interrupts_enable();
    pci_init(boot);
    devices_init(&options);
    EXTRAS_CALL(init, boot);
}

/* The processors and the monitor wait for this, so that the host's first request comes first. */
static void start_when_devices_are_ready(void)
{
    if (ready || !devices_ready())
        return;
    ready = true;
    console_fresh_line();
    console_printf("tide: ready\n");
    cpus_init(boot_info, platform_now_ms(), alloc_stacks);
    EXTRAS_CALL(ready, &options);
}

/* The devices come first, so that the monitor's prompt follows their lines in the same turn. */
void kernel_turn(void)
{
    devices_service();
    start_when_devices_are_ready();
    for (unsigned i = 0; i < nr_polled; i++)
        polled[i]->poll();
    cpus_service(platform_now_ms());
    cpu_idle(work_pending);
}

void kmain(const struct boot_info *boot)
{
    kernel_start(boot);
    for (;;)
        kernel_turn();
}

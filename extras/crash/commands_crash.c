/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crash: the faults that Tide must catch, each on purpose. The processor's own
 * kinds are arch_crash()'s; here are those that need mm or a device.
 */
#include "arch/x86_64/arch.h"
#include "asm/cpu.h"
#include "extras/crash/crash_kinds.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/devices.h"
#include "lib/console.h"
#include "lib/panic.h"
#include "lib/parse.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/page.h"
#include "monitor/command_error.h"
#include "monitor/commands.h"

static void crash_double_free(void)
{
    paddr_t paddr = page_alloc(0, PAGE_USER);
    if (paddr == PADDR_NONE) {
        command_error("crash: no free page to free twice");
        return;
    }
    page_free(paddr, 0);
    page_free(paddr, 0);
}

static void crash_foreign_free(void)
{
    page_free(0xfee00000, 0);
}

/* A build with DEBUG=1 finds it when the page is allocated again, which is at once. */
static void crash_write_after_free(void)
{
    paddr_t paddr = page_alloc(0, PAGE_USER);
    if (paddr == PADDR_NONE) {
        command_error("crash: no free page to write to");
        return;
    }
    page_free(paddr, 0);
    *(volatile u64 *)phys_to_virt(paddr + 0x18) = 0x5eed;
    paddr = page_alloc(0, PAGE_USER);
    command_error("crash: found by nobody: the kernel was built without DEBUG=1");
    page_free(paddr, 0);
}

static void crash_panic(void)
{
    panic("asked for by 'crash panic'");
}

static void crash_unplugged(void)
{
    const struct vmem_device *vmem;
    for (unsigned i = 0; (vmem = devices_at(i)) != NULL; i++) {
        struct vmem_status status;
        vmem_get_status(vmem, &status);
        for (u64 block = 0; block < status.nr_blocks; block++) {
            if (vmem_block_is_plugged(vmem, block))
                continue;
            paddr_t paddr = status.config.region_base + block * status.config.block_bytes;
            (void)*(volatile u64 *)phys_to_virt(paddr + PAGE_BYTES);
        }
    }
    command_error("crash: no device has an unplugged block");
}

static void crash_watch(void)
{
    const struct vmem_device *vmem = devices_at(0);
    struct vmem_status status;
    if (!vmem || cpu_id() == 0) {
        command_error("crash: watch needs a device, and a processor other than 0");
        return;
    }
    vmem_get_status(vmem, &status);
    for (;;) {
        (void)*(volatile u64 *)phys_to_virt(status.config.region_base);
        cpu_relax();
    }
}

static const struct {
    const char *name;
    void (*crash)(void);
} kinds[] = {
    {"double-free", crash_double_free},
    {"foreign-free", crash_foreign_free},
    {"panic", crash_panic},
    {"unplugged", crash_unplugged},
    {"watch", crash_watch},
    {"write-after-free", crash_write_after_free},
};

static char kind_asked[32]; /* outlives the command, for another processor */

static void crash(void *context)
{
    (void)context;
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(kinds[i].name, kind_asked) == 0) {
            kinds[i].crash();
            return;
        }
    }
    if (arch_crash(kind_asked))
        return;
    console_printf("crash: kinds:");
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
        console_printf(" %s", kinds[i].name);
    console_printf(" %s\n", arch_crash_kinds());
}

static void command_crash(const struct command_line *line)
{
    u64 cpu = 0;
    snprintf(kind_asked, sizeof(kind_asked), "%s",
             line->nr_arguments > 1 ? line->arguments[1] : "");
    if (line->nr_arguments > 2 && (parse_u64(line->arguments[2], &cpu) != OK || cpu >= CPUS_MAX ||
                                   !cpus_runs((unsigned)cpu))) {
        monitor_usage_error(line, line->arguments[2], "the number of a processor that runs");
        return;
    }
    if (cpu == 0)
        crash(NULL);
    else if (cpus_start_job((unsigned)cpu, crash, NULL) != OK)
        command_error("crash: processor %lu is busy", (unsigned long)cpu);
}

static const struct command commands[] = {
    {"crash", "[KIND] [CPU]", "break something on purpose; without KIND, list the kinds", 0, 2,
     command_crash},
    {0},
};

EXTRA(crash) = {.name = "crash", .commands = commands};

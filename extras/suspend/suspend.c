/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Suspend to RAM (ACPI's S3): everything but memory loses its state, and the
 * boot processor comes back in real mode, in wake.S's cpu_wake_code.
 *
 * Memory is not quite safe either: QEMU, when it has loaded the kernel itself, writes the image
 * again at every reset, this one too. So .data, .bss and the stack are
 * copied before and put back first of all. The page of the code that
 * does it is executable, and not writable, as long as the machine sleeps.
 */
#include "extras/suspend/suspend.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/image.h"
#include "arch/x86_64/interrupts.h"
#include "arch/x86_64/low_memory.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/serial.h"
#include "arch/x86_64/smp/cpus.h"
#include "arch/x86_64/stacks.h"
#include "arch/x86_64/timer.h"
#include "extras/page_rights/page_rights.h"
#include "extras/suspend/smbios.h"
#include "include/low_memory.h"
#include "include/platform.h"
#include "include/status.h"
#include "lib/console.h"
#include "lib/panic.h"
#include "lib/string.h"

struct wake_page {
    u8 code[0x800];
    u64 tables; /* for cr3 */
    u64 from;   /* the copies, one after the other */
    u64 data;
    u64 data_bytes;
    u64 stack;
    u64 stack_bytes;
    u32 apic_id; /* of the boot processor: no other one may do this */
    u32 unused;
    u64 entry; /* where it goes on, on the stack of cpu_suspend() */
};

_Static_assert(offsetof(struct wake_page, tables) == 0x800, "wake.S reads it there");
_Static_assert(offsetof(struct wake_page, stack_bytes) == 0x828, "wake.S reads it there");
_Static_assert(offsetof(struct wake_page, apic_id) == 0x830, "wake.S reads it there");
_Static_assert(offsetof(struct wake_page, entry) == 0x838, "wake.S reads it there");

extern const u8 cpu_wake_code[];
extern const u8 cpu_wake_code_end[];

static struct wake_page plan;

u64 suspend_copy_bytes(void)
{
    return (u64)(image_end - image_data_start);
}

/* The rest of the boot processor's way, everything in memory as it was. */
static _Noreturn void wake(void)
{
    cpu_setup(0);
    cpu_resume();
}

/* All that is not on the boot stack: the stacks close the image, the boot stack first of them. */
static void make_plan(paddr_t copy)
{
    u64 stack_top = stack_cpu_top(0);

    memcpy(plan.code, cpu_wake_code, (size_t)(cpu_wake_code_end - cpu_wake_code));
    plan.tables = cr3_read();
    plan.from = copy;
    plan.data = (uintptr_t)image_data_start;
    plan.data_bytes = stack_top - BOOT_STACK_BYTES - PAGE_BYTES - plan.data;
    plan.stack = stack_top - BOOT_STACK_BYTES;
    plan.stack_bytes = BOOT_STACK_BYTES;
    plan.apic_id = cpuid(1).ebx >> 24;
    plan.entry = (uintptr_t)wake;
}

const char *suspend_refusal(void)
{
    if (!acpi_can_sleep())
        return "ACPI does not tell how";
    if (!low_memory_is_ram())
        return "no RAM at 0x8000 to 0xafff to wake in";
    /* It boots instead: nothing in its tables, which are QEMU's, says so. */
    if (strcmp(smbios_vendor(), "qboot") == 0)
        return "the firmware, qboot, does not resume";
    if (cpus_check_idle() != OK)
        return "another processor works or starts";
    /* As it is already, but for its page table: later nothing is left that could fail. */
    if (paging_make_writable(LOW_WAKE_PAGE, PAGE_BYTES) != OK)
        return "no memory for page tables";
    return NULL;
}

/*
 * Within cpu_suspend(): what lies below its frame is not needed any more after waking. The line
 * comes first because it is in the copies, too; after it only the machine itself can refuse.
 */
static int fall_asleep(void)
{
    u8 *copy = phys_to_virt(plan.from);

    console_printf("suspend: asleep\n");
    serial_drain();
    memcpy(copy, phys_to_virt(plan.data), plan.data_bytes);
    memcpy(copy + plan.data_bytes, phys_to_virt(plan.stack), plan.stack_bytes);
    acpi_sleep(LOW_WAKE_PAGE);
    return E_TIMEOUT;
}

int suspend_to_ram(paddr_t copy)
{
    low_memory_close();
    make_plan(copy);
    memcpy(phys_to_virt(LOW_WAKE_PAGE), &plan, sizeof(plan));
    if (paging_make_executable(LOW_WAKE_PAGE, PAGE_BYTES) != OK)
        panic("suspend: the page at 0x%x was mapped and cannot be again", LOW_WAKE_PAGE);
    u64 flags = irq_save();
    int status = cpu_suspend(fall_asleep);
    if (paging_make_writable(LOW_WAKE_PAGE, PAGE_BYTES) != OK)
        panic("suspend: the page at 0x%x was mapped and cannot be again", LOW_WAKE_PAGE);
    if (status == OK) {
        serial_resume();
        interrupts_resume();
        timer_resume();
    }
    irq_restore(flags);
    if (status == OK)
        cpus_resume(platform_now_ms());
    else
        low_memory_open();
    return status;
}

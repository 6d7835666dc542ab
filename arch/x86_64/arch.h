/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What arch/x86_64 offers to boot/ and kernel/, beyond include/platform.h.
 *
 * Order of initialisation; each line needs those above it:
 *
 *     cpu_init()              boot/: traps are reported from here on
 *     serial_init()           boot/: the console works
 *     low_memory_init(boot)   a processor that starts unasked halts
 *     early_init(boot)        mm: early_alloc() works
 *     paging_init(boot, ..)   the final page tables
 *     acpi_init(boot)         acpi_find_table()
 *     interrupts_init()       handlers can be attached
 *     timer_init()            platform_now_ms() advances
 *     page_init(boot)         mm: early_alloc() ends
 *     paging_set_table_allocator()  so page tables come from mm from here on
 *     interrupts_enable()
 *     cpus_init()             other processors; at any time after this
 */
#ifndef TIDE_ARCH_ARCH_H
#define TIDE_ARCH_ARCH_H

#include "include/boot_info.h"
#include "include/types.h"

/* ---- processor ---- */

/* Set up descriptor tables, trap stacks and gs of the processor that booted. Call it first. */
void cpu_init(void);

/* Interrupts off and hlt, for good. */
_Noreturn void cpu_halt_forever(void);

/*
 * Sleep until an interrupt comes, unless work_pending() is true. It is called with interrupts off,
 * so that an interrupt after the call ends the sleep. Returns with interrupts on.
 */
void cpu_idle(bool (*work_pending)(void));

void interrupts_enable(void);

/* ---- the other processors; all but cpus_running() from the boot processor's loop only ---- */

/*
 * Find them and begin to start them, on stacks from alloc (2^order pages, or PADDR_NONE). Does not
 * wait. Interrupts are on, and all the above has been called.
 */
void cpus_init(const struct boot_info *boot, u64 now_ms, paddr_t (*alloc)(unsigned order));

/* The next step of starting them, if one is due; call it each 10 ms until they have settled. O(1)
 * then. */
void cpus_service(u64 now_ms);

/*
 * Write code that halts to the pages where processors start (include/low_memory.h), until this
 * kernel starts some. The loader's data in these pages has been copied.
 */
void low_memory_init(const struct boot_info *boot);

/* No processor is still being started. */
bool cpus_settled(void);

/* How many run, the boot processor among them. */
unsigned cpus_running(void);

/* Whether there is a processor of this number, and whether it runs. */
bool cpus_exists(unsigned id);
bool cpus_runs(unsigned id);

/* The processor's last job has not ended. Once this is false, its writes are seen. */
bool cpus_busy(unsigned id);

/* ---- serial port COM1, 115200 8N1: the console ---- */

void serial_init(void);

/* Attach its interrupt, so that input is buffered; after interrupts_init(). */
void serial_enable_input(void);

/* The next byte received, or -1. Up to 256 bytes are buffered; further ones stay in the port, and
 * the host waits. From the loop only. */
int serial_read(void);

/* Wait, for a bounded time, until all output has left the port. */
void serial_drain(void);

/* ---- page tables; the rest is in platform.h ---- */

/*
 * Build and load the final page tables, in pages from alloc (mm's
 * early_alloc(): it does not fail, and gives memory below 4 GiB). EXIT_BOOT if
 * the map cannot be used.
 */
void paging_init(const struct boot_info *boot, paddr_t (*alloc)(u64 bytes));

/*
 * From now on a page for a page table comes from alloc (4 KiB, PADDR_NONE if
 * there is none; contents do not matter) and goes back to release. Tables made before are kept for
 * good.
 */
void paging_set_table_allocator(paddr_t (*alloc)(void), void (*release)(paddr_t paddr));

/* ---- devices of the board ---- */

/* Find the ACPI tables; without any, acpi_find_table() returns NULL. */
void acpi_init(const struct boot_info *boot);

/*
 * The table with this signature, mapped, its checksum and length checked, or
 * NULL. *bytes is its whole length, header included.
 */
const void *acpi_find_table(const char *signature, u32 *bytes);

/* The same for a table that another one names by its address. */
const void *acpi_open_table(paddr_t paddr, u32 *bytes);

/* Mask everything, and point the interrupt controllers at our vectors. */
void interrupts_init(void);

/* Start the clock, and the timer that wakes the boot processor. */
void timer_init(void);

/*
 * An interrupt is to end a sleep of the boot processor at this time of platform_now_ms(), or
 * before: then it is armed again. Nothing is done if it is armed for an earlier time. Interrupts
 * off.
 */
#define TIMER_NEVER UINT64_MAX
void timer_arm(u64 at_ms);

#endif

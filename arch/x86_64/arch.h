/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What arch/x86_64 offers to boot/ and kernel/, beyond include/platform.h.
 *
 * Order of initialisation; each line needs those above it:
 *
 *     cpu_init()              boot/: traps are reported from here on
 *     serial_init()           boot/: the console works
 *     low_memory_init(boot)   a processor that begins where none should stands still
 *     early_init(boot)        mm: early_alloc() works
 *     paging_init(boot, ..)   the final page tables
 *     acpi_init(boot)         acpi_find_table(), platform_pci_ecam()
 *     interrupts_init()       handlers can be attached
 *     acpi_power_init()       the power button is heard
 *     timer_init()            platform_now_ms() advances
 *     page_init(boot)         mm: early_alloc() ends ...
 *     paging_set_table_allocator()  ... so page tables come from here on from mm
 *     vm_init()               mm: vm_alloc() works
 *     interrupts_enable()
 *     cpus_init()             other processors; at any time after this
 */
#ifndef TIDE_ARCH_ARCH_H
#define TIDE_ARCH_ARCH_H

#include "include/boot_info.h"
#include "include/types.h"

/* ---- processor ---- */

/* Descriptor tables, trap stacks and gs for the processor that booted. First of all. */
void cpu_init(void);

/* Interrupts off and hlt, for good. */
_Noreturn void cpu_halt_forever(void);

/*
 * Sleep until an interrupt came, unless work_pending() says there is work
 * already. It is asked with interrupts off, so that an interrupt that makes
 * work between the question and the sleep ends the sleep. Returns with
 * interrupts on. As long as no timer interrupt has come, the boot processor does not sleep but asks
 * the handlers of all lines, at most for a millisecond.
 */
void cpu_idle(bool (*work_pending)(void));

void interrupts_enable(void);

/* ---- the other processors; all but cpus_running() from the boot processor's loop only ---- */

/*
 * Find them and begin to start them: stacks come from alloc (2^order pages, or
 * PADDR_NONE). Does not wait. Needs interrupts on and everything above.
 */
void cpus_init(const struct boot_info *boot, u64 now_ms, paddr_t (*alloc)(unsigned order));

/* The next step of starting them, if one is due; call it at each tick until they run. O(1) then. */
void cpus_service(u64 now_ms);

/*
 * Put code that stands still into the pages where processors begin, include/low_memory.h, as long
 * as none is to be started. Whoever had written there has been read by now.
 */
void low_memory_init(const struct boot_info *boot);

/* No processor is still being started. */
bool cpus_settled(void);

/* How many run, the boot processor among them. */
unsigned cpus_running(void);

/* There is a processor of this number; and it runs. */
bool cpus_exists(unsigned id);
bool cpus_runs(unsigned id);

/*
 * Run function(context) on another processor, with interrupts on. E_NODEV if it does not run,
 * E_BUSY while cpus_busy(). The end wakes the boot processor from cpu_idle().
 */
must_check int cpus_start_job(unsigned id, void (*function)(void *context), void *context);

/* The processor's last job has not ended. What a job wrote is seen once this is false. */
bool cpus_busy(unsigned id);

/* ---- serial port COM1, 115200 8N1: the console ---- */

void serial_init(void);

/* Attach its interrupt, so that input is buffered; after interrupts_init(). */
void serial_enable_input(void);

/* The next byte received, or -1. Up to 256 bytes wait; what comes then stays in the port, and the
 * host waits. From the loop only. */
int serial_read(void);

/* Wait, for a bounded time, until what was written has left the port. */
void serial_drain(void);

/* ---- screen ---- */

/*
 * Show the console on the screen as well from now on, beginning with its last
 * rows; an error line if the screen cannot be used. After paging_init().
 */
void screen_start(const struct boot_screen *screen);

/* There will be none: keep no text for it any longer. */
void screen_off(void);

/* ---- traps ---- */

/*
 * Let the kernel say what lies at a faulting address: write one line without
 * '\n' and return true, or return false. Called in the trap report: it must
 * not allocate, wait, or touch the address.
 */
void trap_set_address_describer(bool (*describe)(u64 address, char *text, size_t bytes));

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
void paging_set_table_allocator(paddr_t (*alloc)(void), paddr_t (*alloc_for_area)(void),
                                void (*release)(paddr_t paddr));

/* How often a processor has waited for a page that was held (platform_vm_hold()). */
u64 paging_nr_waits(void);

/* ---- devices of the board ---- */

/* Find the ACPI tables; without any, acpi_find_table() returns NULL. */
void acpi_init(const struct boot_info *boot);

/*
 * The table with this signature, mapped, its checksum and length proven, or
 * NULL. *bytes is its whole length, header included.
 */
const void *acpi_find_table(const char *signature, u32 *bytes);

/* The same for a table that another one names by its address. */
const void *acpi_open_table(paddr_t paddr, u32 *bytes);

/* By the machine's own clock. A host is asked and goes on when it can: this is how long it may
 * take. */
#define ACPI_STATE_SECONDS 60

#define ACPI_EVENT_POWER_BUTTON 1
#define ACPI_EVENT_PCI_HOTPLUG  2

/* Listen to the power button and to PCI hotplug, where ACPI offers them. After interrupts_init().
 */
void acpi_power_init(void);

/* ACPI_EVENT_* since the last call. */
u32 acpi_take_events(void);

/* acpi_take_events() would find one. Callable with interrupts off. */
bool acpi_events_pending(void);

/* Switch the machine off. Returns where ACPI does not tell how, or the machine has not gone off
 * within ACPI_STATE_SECONDS. Any context. */
void acpi_power_off(void);

/* Mask everything, and point the interrupt controllers at our vectors. */
void interrupts_init(void);

/* 100 interrupts a second for platform_now_ms(). */
void timer_init(void);

/* ---- suspend to RAM ---- */

/* What suspend_to_ram() needs to keep the kernel's own data, which a reset may write over. */
u64 suspend_copy_bytes(void);

/*
 * Why suspend_to_ram() cannot be called now, or NULL: ACPI does not tell how, the firmware does not
 * resume, a processor works. Changes nothing. From the loop only, after cpus_init().
 */
const char *suspend_refusal(void);

/*
 * Say `suspend: asleep`, suspend to RAM, and return after waking: OK, with the board as it was and
 * other processors about to start. copy is suspend_copy_bytes() of RAM. Devices on PCI
 * have been reset and have lost their config space. E_TIMEOUT if the machine stayed awake: all is
 * as before. Right after suspend_refusal() gave NULL.
 */
must_check int suspend_to_ram(paddr_t copy);

/* Listen to ACPI's events again: after waking, once the chipset's config space is as it was. */
void acpi_resume(void);

/* ---- handover to another kernel ---- */

/* A segment of it: bytes are copied, zero_bytes cleared behind them. All below 4 GiB. */
struct handover_copy {
    u32 to; /* not 0 */
    u32 from;
    u32 bytes;
    u32 zero_bytes;
};

#define HANDOVER_COPIES_MAX 64

/* OK if handover_enter() can be called: E_BUSY while another processor works or starts,
 * E_UNSUPPORTED without RAM at 0x8000 to 0xafff. After cpus_init(). */
must_check int handover_check(void);

/*
 * Stop the other processors, make the copies, and enter at `entry` as PVH demands, with this
 * kernel's memory map and module and the given command line. No copy goes below 1 MiB or over
 * what another one comes from; no device writes to memory any more. Returns only on an error:
 * E_NOMEM, and nothing has changed.
 */
must_check int handover_enter(const struct boot_info *boot, const char *cmdline,
                              const struct handover_copy *copies, unsigned nr_copies, u32 entry);

/* ---- for tests ---- */

/*
 * Do something that must end in a trap report. `kind` is one of the names in
 * arch_crash_kinds(), or an address to read from. Returns, with false, only if kind is
 * neither, or the address could be read.
 */
bool arch_crash(const char *kind);

/* The names, separated by blanks. */
const char *arch_crash_kinds(void);

#endif

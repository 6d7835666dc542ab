/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interface to the machine.
 *
 * mm/ and drivers/pci/ reach the processor and the chipset through these
 * functions, <asm/...> and nothing else. arch/x86_64 implements them in the
 * kernel; tests/fakes/fake_platform.c implements them for the host programs, in
 * which the same sources of mm/ and drivers/pci/ run under sanitizers.
 *
 * Physical memory is identity mapped: the pointer to a mapped physical address
 * is the address itself (phys_to_virt() below, never a cast of one's own).
 */
#ifndef TIDE_INCLUDE_PLATFORM_H
#define TIDE_INCLUDE_PLATFORM_H

#include "include/exit_status.h"
#include "include/types.h"

/* ---- addresses ---- */

static inline void *phys_to_virt(paddr_t paddr)
{
    return (void *)(uintptr_t)paddr;
}

static inline paddr_t virt_to_phys(const volatile void *pointer)
{
    return (paddr_t)(uintptr_t)pointer;
}

/* The first physical address that the processor or the identity map cannot reach. */
paddr_t platform_paddr_limit(void);

/* ---- mappings; all page aligned, page multiples; one call at a time over all processors, not
 *      from an interrupt, and without a lock that a processor may wait for with interrupts off ----
 */

/*
 * Map [paddr, paddr + bytes) readable and writable, never executable,
 * write-back. Touches no byte of the range. O(bytes / largest page that fits).
 * E_NOMEM if a page table cannot be had (then nothing is mapped), E_EXIST if
 * a part is mapped already, E_RANGE beyond platform_paddr_limit().
 */
must_check int platform_map_ram(paddr_t paddr, u64 bytes);

/* The most page tables that platform_map_ram() of one run of so many bytes can need. Any
 * processor. */
u64 platform_map_tables(u64 bytes);

/*
 * Take the range out of the page tables of every processor: an access to it
 * is a page fault from then on. E_NOMEM if a large page must be split and no
 * table can be had (then nothing changes).
 */
must_check int platform_unmap_ram(paddr_t paddr, u64 bytes);

/*
 * Map device registers uncached, at any alignment; mapping a page of
 * registers again is allowed and returns the same address.
 */
must_check int platform_map_mmio(paddr_t paddr, u64 bytes, volatile void **registers);

/* ---- time ---- */

/* Milliseconds since boot; monotonic; advances in steps of at most 10, but where the machine has no
 * timer interrupt: there as often as it is asked. Any context. */
u64 platform_now_ms(void);

/* ---- interrupts: handlers run with interrupts off, must be short, and must
 *      not allocate, log below the warning level or sleep ---- */

typedef void (*irq_handler_t)(void *context);

/* What a device writes where, to raise a message-signalled interrupt. */
struct irq_message {
    u64 address;
    u32 data;
};

/*
 * Call handler on each interrupt of a legacy PCI line (the number in the
 * device's interrupt_line register). Lines are shared, level-triggered: each
 * handler on the line is called, and must quieten its device. E_INVAL for a
 * line the machine does not have, E_NOMEM when all handler slots are taken.
 */
must_check int platform_irq_attach_line(unsigned line, irq_handler_t handler, void *context);
void platform_irq_detach_line(unsigned line, irq_handler_t handler, void *context);

/* Reserve a vector for a message-signalled interrupt; E_NOMEM, or E_UNSUPPORTED without a local
 * APIC. */
must_check int platform_irq_attach_message(irq_handler_t handler, void *context,
                                           struct irq_message *message);
void platform_irq_detach_message(const struct irq_message *message);

/* ---- what firmware tables say of PCI ---- */

/* One window of memory-mapped config space: 1 MiB a bus, first_bus at base. */
struct platform_ecam {
    paddr_t base;
    u16 segment;
    u8 first_bus;
    u8 last_bus;
};

/* The index-th window of ACPI's MCFG, as the table says it; E_NODEV past the end or without ACPI.
 */
must_check int platform_pci_ecam(unsigned index, struct platform_ecam *ecam);

/* ---- console and end ---- */

/* Write to the console, in order; any context. '\n' is written as "\r\n". */
void platform_console_write(const char *text, size_t bytes);

/*
 * Between the two, no other processor writes to the console. Not nested; interrupts are off. Once
 * platform_stop_others() was called the lock is no longer asked for.
 */
u64 platform_console_lock(void);
void platform_console_unlock(u64 flags);

/* Make every other processor stand still for good, before the last words. If another one is ending
 * the machine already, does not return. */
void platform_stop_others(void);

/* Print this processor's number, and the callers of this function, one symbolised line each,
 * "  #0 0x... name+0x..". */
void platform_print_backtrace(void);

/* End QEMU with the status of exit_status.h; without isa-debug-exit, power off or halt. */
_Noreturn void platform_exit(unsigned exit_value);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * include/platform.h for the host programs: a clock that the test turns, a
 * page table that is a list of ranges, interrupts that the test raises, and a
 * console that is kept to be looked at.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_PLATFORM_H
#define TIDE_TESTS_FAKES_FAKE_PLATFORM_H

#include <setjmp.h>

#include "extras/ecam/ecam.h"
#include "extras/numa/node.h"
#include "include/boot_info.h"
#include "include/platform.h"
#include "include/units.h"

/* Where fake_boot() puts boot RAM: real host memory at this very address. */
#define FAKE_RAM_BASE ((paddr_t)0x10000000)

/* Where a test can put a region whose memory it backs: free beside a sanitizer's shadow. */
#ifdef __SANITIZE_THREAD__
#define FAKE_REGION_BASE (4 * GIB)
#else
#define FAKE_REGION_BASE ((paddr_t)0x200000000000)
#endif

/*
 * Start afresh: no mappings, time 0, and boot RAM of `bytes` at FAKE_RAM_BASE
 * filled with junk, described in *boot. The kernel's image is its first 1 MiB.
 */
void fake_boot(struct boot_info *boot, u64 bytes);

/* End what fake_boot() began: any access to its RAM faults until the next one. */
void fake_shutdown(void);

/* ---- clock ---- */
void fake_advance_ms(u64 ms);

/* Called when somebody reads the clock, if set: what other processors do while one waits. */
extern void (*fake_clock_was_read)(void);

/* NULL, or what maps and unmaps besides, and may refuse. Until fake_shutdown(). */
extern int (*fake_on_map)(paddr_t paddr, u64 bytes, bool map);

/* ---- mappings ---- */
bool fake_is_mapped(paddr_t paddr, u64 bytes); /* all of it, by platform_map_ram() */
u64 fake_mapped_bytes(void);
void fake_fail_map_after(i64 nr_calls); /* the call after so many fails with E_NOMEM; -1: none */
void fake_fail_unmap_after(i64 nr_calls);
void fake_fail_map_mmio(bool fail); /* each call from now on, with E_NOMEM */

/* ---- interrupts ---- */
struct irq_message;
void fake_raise_line(unsigned line);                 /* calls each handler on it */
void fake_raise_message(struct irq_message message); /* calls its handler, if any */
void fake_fail_irq_messages(unsigned times);         /* the next so many: E_UNSUPPORTED */

/* ---- firmware tables ---- */
/* What platform_pci_ecam() says from now on; kept, not copied. fake_boot() and fake_shutdown()
 * forget it. */
void fake_set_ecam(const struct platform_ecam *windows, unsigned nr_windows);

/* The same for platform_memory_node(). */
void fake_set_nodes(const struct platform_node_range *ranges, unsigned nr_ranges);

/* ---- console: all that was written since fake_boot() or fake_console_clear(), at most 64 KiB ----
 */
const char *fake_console(void);
void fake_console_clear(void);
void fake_console_has(const char *text);      /* or the test fails */
unsigned fake_console_said(const char *text); /* how often */

/*
 * Run `code` and pass if and only if it panics with a message that contains
 * `text`. Its locks stay taken: end the test after it.
 */
#define assert_panics(code, text)               \
    do {                                        \
        if (setjmp(*fake_expect_exit()) == 0) { \
            code;                               \
            fake_no_exit_came(#code);           \
        } else {                                \
            fake_exit_was(EXIT_PANIC, (text));  \
        }                                       \
    } while (0)

/* For assert_panics(). */
jmp_buf *fake_expect_exit(void);
void fake_no_exit_came(const char *code);
void fake_exit_was(unsigned exit_value, const char *text);
unsigned fake_exit_value(void); /* of the last one that came */

#endif

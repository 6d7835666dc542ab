/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arch/x86_64/arch.h for the host programs, but for what fake_cpus.h has: ACPI
 * events that the test raises, and a sleep, a handover and a power-off that it decides
 * about. A turn of the kernel's loop that has nothing to do lasts until something is due, at most
 * FAKE_IDLE_MS, or until fake_board.awake_ms if that is later than now.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_ARCH_H
#define TIDE_TESTS_FAKES_FAKE_ARCH_H

#include "include/types.h"

#define FAKE_IDLE_MS 10

/* Afresh: one processor, nothing typed, no event, and nothing is supported. */
void fake_arch_start(void);

/* ---- ACPI ---- */
void fake_acpi_raise(u32 events);

/* What the machine does when it is asked, and how often it was. */
struct fake_board {
    const char *sleep_refusal; /* of suspend_refusal(); NULL at first */
    int sleep_status;          /* of suspend_to_ram(); E_UNSUPPORTED at first */
    void (*on_sleep)(void);    /* while it sleeps; may be NULL */
    int handover_allowed;      /* of handover_check(); OK at first */
    int handover_status;       /* of handover_enter(), which returns here; E_NOMEM at first */
    u32 handover_entry;        /* what it was called with */
    unsigned nr_handover_copies;
    char handover_cmdline[256];
    unsigned nr_sleeps;
    u64 awake_ms;             /* of platform_now_ms() */
    bool (*run_others)(void); /* whether one has ended its work, which ends a sleep; or NULL */
    unsigned nr_power_offs;
    paddr_t (*alloc_table)(void); /* paging_set_table_allocator()'s */
    void (*release_table)(paddr_t paddr);
    paddr_t (*alloc_stacks)(unsigned order); /* cpus_init()'s */
};
extern struct fake_board fake_board;

#endif

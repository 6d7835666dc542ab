/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside arch/x86_64: which processors the machine has, by ACPI's MADT, or by what an extra finds
 * where there is no ACPI. Firmware is not trusted: each field is bounded.
 */
#ifndef TIDE_ARCH_X86_64_SMP_CPU_LIST_H
#define TIDE_ARCH_X86_64_SMP_CPU_LIST_H

#include "asm/cpu.h"
#include "include/boot_info.h"
#include "include/types.h"

#define APIC_ID_ALL 0xff /* addresses every processor: the id of none */

struct cpu_list {
    const char *source; /* what named them, for a log line; NULL: nothing did */
    unsigned nr_named;  /* at least 1; those after them may exist or not */
    unsigned nr;
    u8 apic_ids[CPUS_MAX];
};

/* The processors that may be used, without repetition. The one that runs, boot_apic_id, comes
 * first, named by firmware or not. After acpi_init(); maps what it reads. */
void cpu_list_find(const struct boot_info *boot, u8 boot_apic_id, struct cpu_list *list);

/* Add a processor, unless it is there already; a warning if it cannot be used. */
void cpu_list_add(struct cpu_list *list, u32 apic_id);

#endif

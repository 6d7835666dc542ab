/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the loader's module is a kernel that can be started here, and what to copy
 * where for that. Pure; the module is not trusted.
 */
#ifndef TIDE_EXTRAS_HANDOVER_HANDOVER_PLAN_H
#define TIDE_EXTRAS_HANDOVER_HANDOVER_PLAN_H

#include "extras/handover/elf_image.h"
#include "extras/handover/handover.h"

struct handover_plan {
    u32 entry;
    unsigned nr_copies;
    struct handover_copy copies[ELF_SEGMENTS_MAX];
};

_Static_assert(ELF_SEGMENTS_MAX <= HANDOVER_COPIES_MAX, "each segment is a copy");

/*
 * Every segment must lie in one range of boot RAM, at or above 1 MiB, and beside the module, which
 * goes on to the next kernel. E_NODEV without a module, E_INVAL with the reason.
 */
must_check int handover_make_plan(const struct boot_info *boot, struct handover_plan *plan,
                                  char reason[ELF_REASON_BYTES]);

/* All of the module lies in one range of RAM below 4 GiB, and no page of it is the kernel's; else
 * an error line. */
bool handover_accepts_module(const struct boot_info *info);

#endif

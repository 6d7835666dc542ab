/* SPDX-License-Identifier: BSD-2-Clause */
/* Handover to another kernel: what the command calls, and the code in handover_code.S. */
#ifndef TIDE_EXTRAS_HANDOVER_HANDOVER_H
#define TIDE_EXTRAS_HANDOVER_HANDOVER_H

#include "include/boot_info.h"
#include "include/types.h"

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

/* ---- handover_code.S ---- */

/* LOW_HANDOVER_PAGE. handover_code.S knows the offsets. */
struct handover_page {
    u8 code[0x800];
    struct handover_copy copies[HANDOVER_COPIES_MAX + 1];
    u32 entry;
};

extern const u8 handover_code[];
extern const u8 handover_code_end[];

#endif

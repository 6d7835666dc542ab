/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside arch/x86_64: the code that leaves this kernel, in handover_code.S. */
#ifndef TIDE_EXTRAS_HANDOVER_HANDOVER_H
#define TIDE_EXTRAS_HANDOVER_HANDOVER_H

#include "arch/x86_64/arch.h"

/* LOW_HANDOVER_PAGE. handover_code.S knows the offsets. */
struct handover_page {
    u8 code[0x800];
    struct handover_copy copies[HANDOVER_COPIES_MAX + 1];
    u32 entry;
};

extern const u8 handover_code[];
extern const u8 handover_code_end[];

#endif

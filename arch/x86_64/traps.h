/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions and interrupts: the table, the frame that trap_entry.S saves,
 * and who takes which vector.
 */
#ifndef TIDE_ARCH_TRAPS_H
#define TIDE_ARCH_TRAPS_H

#include "include/types.h"

#define VECTOR_NMI           2
#define VECTOR_PAGE_FAULT    14
#define VECTOR_EXCEPTIONS    32   /* the processor's own: 0 to 31 */
#define VECTOR_PIC           0x20 /* the 16 lines of the two interrupt controllers */
#define VECTOR_MESSAGE       0x40 /* message-signalled interrupts */
#define VECTOR_MESSAGE_COUNT 64
#define VECTOR_WAKE          0xf0 /* from one processor to another: there is work */
#define VECTOR_FLUSH         0xf1 /* from one processor to another: flush addresses that were unmapped */
#define VECTOR_TIMER         0xf2 /* of the local APIC, on the processor that booted */
#define VECTOR_SPURIOUS      0xff /* of the local APIC */

/* As trap_entry.S pushes it, and the processor before it. */
struct trap_frame {
    u64 r15, r14, r13, r12, r11, r10, r9, r8;
    u64 rdi, rsi, rbp, rbx, rdx, rcx, rax;
    u64 vector;
    u64 error_code; /* 0 where the processor pushes none */
    u64 rip, cs, rflags, rsp, ss;
};

/* Fill the interrupt descriptor table, once. */
void traps_init(void);

/* Load it; each processor does. */
void traps_load(void);

#define FAULT_PRESENT (1 << 0) /* of a page fault's error code */

/* Every exception and interrupt, from trap_entry.S. */
void trap_dispatch(struct trap_frame *frame);
extern const u8 trap_return[]; /* where it returns to, with rsp at the frame */

/* Every vector from VECTOR_PIC on; interrupts.c. */
void interrupt_dispatch(unsigned vector);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside arch/x86_64: the two interrupt controllers. interrupts.c shares the
 * vectors out; pic.c and apic.c know the registers.
 */
#ifndef TIDE_ARCH_INTERRUPTS_H
#define TIDE_ARCH_INTERRUPTS_H

#include "include/platform.h"
#include "include/types.h"

#define PIC_LINES  16
#define TIMER_LINE 0 /* of the 8254, which shares it with nobody */

/* ---- interrupts.c ---- */

/* platform_irq_attach_line() for any line, triggered by level or by edge. */
must_check int interrupts_attach(unsigned line, bool level, irq_handler_t function, void *context);

/* From the timer's handler: unmask the lines that were masked for interrupting too often. */
void interrupts_end_storms(void);

/* Call the handlers of each line but the timer's, for a machine without interrupts. Interrupts
 * off. */
void interrupts_poll(void);

/* For an extra: call this for each message, with its number from 0 to VECTOR_MESSAGE_COUNT - 1. */
void interrupts_take_messages(void (*take)(unsigned number));

/* Set the controllers up again after a sleep, which they have forgotten. Interrupts off. */
void interrupts_resume(void);

/* ---- pic.c: the two 8259, lines 0 to 15 ---- */

/* Vectors VECTOR_PIC to VECTOR_PIC + 15; every line masked. */
void pic_init(void);

/* The same after a sleep, with the masks and triggers as they were. */
void pic_resume(void);

/* After pic_init(): whether the controllers are there, seen by the masks that they keep. */
bool pic_exists(void);

void pic_mask(unsigned line);
void pic_unmask(unsigned line);

/* Choose whether a line interrupts by its level, as those of PCI, or by its edge. */
void pic_set_level_triggered(unsigned line, bool level);

/* True if no device raised the line: then neither call its handlers nor end it. */
bool pic_is_spurious(unsigned line);
void pic_end(unsigned line);

/* ---- apic.c: the local APIC; each processor has its own, at the same address ---- */

/* Enable it, with the 8259 passed through. False without one, or if it cannot be mapped. */
bool apic_init(void);

/* After apic_init() on the boot processor: there is one, and it can be used. */
bool apic_is_usable(void);

/* Enable the local APIC of this other processor, which no line reaches. */
void apic_init_other(void);

void apic_end(void);

/* Messages from this processor to another one. Any context. */
void apic_send_init(u8 to);
void apic_send_start(u8 to, paddr_t page); /* a page below 1 MiB, where it begins in real mode */
void apic_send_nmi(u8 to);
void apic_send(u8 to, unsigned vector);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* For assembly: a processor's way from real mode to long mode. */
#ifndef TIDE_ARCH_REAL_MODE_H
#define TIDE_ARCH_REAL_MODE_H

/* clang-format off */

#define CR4_PAE            (1 << 5)
#define MSR_EFER           0xc0000080
#define EFER_LME_AND_NXE   (1 << 8 | 1 << 11)
#define CR0_PG_WP_NE_MP_PE 0x80010033
#define SELECTOR_CODE      0x08
#define SELECTOR_DATA      0x10

/* From real mode, at the first byte of a page, to long mode in one step, on the given page tables. */
.macro real_to_long tables, entry
begin\@:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    movl $CR4_PAE, %eax
    movl %eax, %cr4
    movl \tables, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME_AND_NXE, %eax
    wrmsr
    lgdtl gdt_pointer\@ - begin\@
    movl $CR0_PG_WP_NE_MP_PE, %eax
    movl %eax, %cr0
    ljmpl $SELECTOR_CODE, $\entry
    .balign 4
gdt_pointer\@:
    .word 3 * 8 - 1
    .long boot_gdt
.endm

/* The data segments of a processor that has just come to long mode. */
.macro load_segments
    movl $SELECTOR_DATA, %eax
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
.endm

#endif

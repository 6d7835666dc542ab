/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last instructions of this kernel: from long mode to 32-bit protected mode
 * without paging, the next kernel's segments to their places, and into it as PVH
 * demands: flat segments, a task register, cr4 zero, ebx at the start info.
 *
 * It runs in a copy at LOW_HANDOVER_PAGE, with interrupts off, on the boot
 * processor: what it overwrites may be this kernel's text, page tables and stacks. So
 * it uses nothing but registers and its own page once paging is off.
 */
#include "include/low_memory.h"

#define COPIES    0x800         /* handover.c checks these against its struct */
#define ENTRY     0xc10

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS  0x18
#define CR0_ET_PE     0x11
#define MSR_EFER      0xc0000080

    .section .rodata
    .globl handover_code, handover_code_end
    .code64
handover_code:
    cld
    movl $LOW_HANDOVER_PAGE, %ebx
    lgdt gdt_pointer - handover_code(%rbx)
    leaq enter_32 - handover_code(%rbx), %rax
    pushq $SELECTOR_CODE
    pushq %rax
    lretq

    .code32
enter_32:
    movl $SELECTOR_DATA, %eax
    movl %eax, %ss
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl $CR0_ET_PE, %eax
    movl %eax, %cr0             /* paging off: long mode ends */
    movl $MSR_EFER, %ecx
    xorl %eax, %eax
    xorl %edx, %edx
    wrmsr
    movl %eax, %cr4
    movl $SELECTOR_TSS, %eax
    ltr %ax

    leal COPIES(%ebx), %ebp
1:  movl (%ebp), %edi
    testl %edi, %edi
    jz 2f
    movl 4(%ebp), %esi
    movl 8(%ebp), %ecx
    rep movsb
    movl 12(%ebp), %ecx
    xorl %eax, %eax
    rep stosb
    addl $16, %ebp
    jmp 1b
2:  movl ENTRY(%ebx), %edx
    movl $LOW_INFO_PAGE, %ebx
    xorl %eax, %eax             /* no magic number of another protocol */
    jmp *%edx

    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff    /* 32-bit code, from 0, all 4 GiB */
    .quad 0x00cf93000000ffff    /* data, the same */
    .quad 0x0000890000000067    /* a 32-bit task segment at 0 */
gdt_pointer:
    .word . - gdt - 1
    .quad LOW_HANDOVER_PAGE + gdt - handover_code
handover_code_end:

    .section .note.GNU-stack, "", @progbits

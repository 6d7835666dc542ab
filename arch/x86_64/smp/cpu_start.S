/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first code of a processor that another one starts: in real mode at
 * LOW_START_PAGE, to which low_memory.c copies the code below.
 *
 * It switches to long mode on the page tables of boot/entry.S, which map all below 4 GiB
 * executable, and jumps to the kernel's text, so that the start page is never executable in the
 * kernel's own page tables. It writes nothing, so several processors may run it at the same time.
 */
#include "include/low_memory.h"

#define CR4_PAE            (1 << 5)
#define MSR_EFER           0xc0000080
#define EFER_LME_AND_NXE   (1 << 8 | 1 << 11)
#define CR0_PG_WP_NE_MP_PE 0x80010033
#define SELECTOR_CODE      0x08
#define SELECTOR_DATA      0x10

#define WAKE_TABLES      0x800 /* suspend.c checks these against its struct */
#define WAKE_FROM        0x808
#define WAKE_DATA        0x810
#define WAKE_DATA_BYTES  0x818
#define WAKE_STACK       0x820
#define WAKE_STACK_BYTES 0x828
#define WAKE_APIC_ID     0x830

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

    .section .rodata
    .globl cpu_start_code, cpu_start_code_end
    .code16
cpu_start_code:
    real_to_long $boot_tables, start_64
cpu_start_code_end:

/*
 * Stands in the start pages while no processor is to start. SeaBIOS restores these bytes in two
 * halves, over its own jump `ea xx xx 00 f0 00 00 00`: the second halves are equal, so a processor
 * that starts in between executes either the one or the other.
 */
    .globl cpu_halt_code, cpu_halt_code_end
cpu_halt_code:
1:  cli
    hlt
    jmp 1b
    .long 0xf0
cpu_halt_code_end:

/*
 * The start code for the boot processor when it wakes, at LOW_WAKE_PAGE: on the kernel's own page
 * tables, because a loader's reset may have written over all of .data and .bss.
 */
    .globl cpu_wake_code, cpu_wake_code_end
cpu_wake_code:
    real_to_long WAKE_TABLES, wake_64
cpu_wake_code_end:

    .text
    .code64
/* Bring .data, .bss and the stack back before anything reads them. */
wake_64:
    load_segments
    movl $1, %eax
    cpuid
    shrl $24, %ebx              /* this processor's APIC id */
    movl %ebx, %eax
    movl $LOW_WAKE_PAGE, %ebx
    cmpl %eax, WAKE_APIC_ID(%rbx)
    jne 1f                      /* it is another processor's memory */
    movq WAKE_FROM(%rbx), %rsi
    movq WAKE_DATA(%rbx), %rdi
    movq WAKE_DATA_BYTES(%rbx), %rcx
    rep movsb
    movq WAKE_STACK(%rbx), %rdi
    movq WAKE_STACK_BYTES(%rbx), %rcx
    rep movsb
    movq cpu_suspended_rsp, %rsp
    xorl %ebp, %ebp
    call suspend_wake

start_64:
    load_segments
    movl $1, %eax
    cpuid
    shrl $24, %ebx              /* this processor's APIC id */
    movq cpu_start_stacks(, %rbx, 8), %rsp
    testq %rsp, %rsp
    jz 1f                       /* nobody asked for it */
    movl %ebx, %edi
    xorl %ebp, %ebp             /* backtraces end here */
    call cpu_started
1:  cli
    hlt
    jmp 1b

/* See suspend.h. */
    .globl cpu_suspend, cpu_resume
cpu_suspend:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushfq
    movq %rsp, cpu_suspended_rsp
    call *%rdi
2:  popfq
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

cpu_resume:
    movq cpu_suspended_rsp, %rsp
    xorl %eax, %eax
    jmp 2b

    .bss
    .balign 8
    .globl cpu_suspended_rsp
cpu_suspended_rsp:
    .skip 8

    .section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the boot processor falls asleep and wakes: in real mode at LOW_WAKE_PAGE, to which suspend.c
 * copies the code below.
 */
#include "arch/x86_64/smp/real_mode.h"
#include "include/low_memory.h"

#define WAKE_TABLES      0x800 /* suspend.c checks these against its struct */
#define WAKE_FROM        0x808
#define WAKE_DATA        0x810
#define WAKE_DATA_BYTES  0x818
#define WAKE_STACK       0x820
#define WAKE_STACK_BYTES 0x828
#define WAKE_APIC_ID     0x830
#define WAKE_ENTRY       0x838

    .section .rodata
    .code16
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
    call *WAKE_ENTRY(%rbx)
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

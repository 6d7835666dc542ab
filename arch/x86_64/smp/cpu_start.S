/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first code of a processor that another one starts: in real mode at
 * LOW_START_PAGE, to which low_memory.c copies the code below.
 *
 * It switches to long mode on the page tables of boot/entry.S, which map all below 4 GiB
 * executable, and jumps to the kernel's text, so that the start page is never executable in the
 * kernel's own page tables. It writes nothing, so several processors may run it at the same time.
 */
#include "arch/x86_64/smp/real_mode.h"

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

    .text
    .code64
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

    .section .note.GNU-stack, "", @progbits

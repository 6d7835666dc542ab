/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a processor begins that another one starts, or that wakes from S3: in
 * real mode at cpu_start_page, into which cpus.c copies the code below.
 *
 * It goes straight to long mode on the page tables of boot/entry.S, which map
 * all below 4 GiB executable, and leaves for the kernel's text at once: so in
 * the kernel's own page tables the start page is never executable. All
 * processors may run here at the same time: nothing is written.
 */
#define CR4_PAE            (1 << 5)
#define MSR_EFER           0xc0000080
#define EFER_LME_AND_NXE   (1 << 8 | 1 << 11)
#define CR0_PG_WP_NE_MP_PE 0x80010033
#define SELECTOR_CODE      0x08
#define SELECTOR_DATA      0x10

    .section .rodata
    .globl cpu_start_code, cpu_start_code_end
    .code16
cpu_start_code:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    movl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $boot_tables, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME_AND_NXE, %eax
    wrmsr
    lgdtl gdt_pointer - cpu_start_code
    movl $CR0_PG_WP_NE_MP_PE, %eax
    movl %eax, %cr0             /* from real mode to long mode in one step */
    ljmpl $SELECTOR_CODE, $start_64
    .balign 4
gdt_pointer:
    .word 3 * 8 - 1
    .long boot_gdt
cpu_start_code_end:

    .text
    .code64
start_64:
    movl $SELECTOR_DATA, %eax
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
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

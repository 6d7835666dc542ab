/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One stub of 16 bytes a vector: it makes the stack look the same with and
 * without an error code, and goes on to the common part, which saves the
 * registers as struct trap_frame (traps.h) and calls trap_dispatch().
 *
 * There is no user mode: cs, ss and gs are the kernel's already.
 */

/* The exceptions with an error code: 8, 10 to 14, 17, 21, 29, 30. */
#define WITH_ERROR_CODE (1 << 8 | 0x1f << 10 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30)

    .section .text
    .balign 16
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 32
    .balign 16
    .if ((WITH_ERROR_CODE >> vector) & 1) == 0
    pushq $0
    .endif
    pushq $vector
    jmp trap_common
    .set vector, vector + 1
    .endr
    .rept 224
    .balign 16
    pushq $0
    pushq $vector
    jmp trap_common
    .set vector, vector + 1
    .endr

    .balign 16
trap_common:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    call trap_dispatch
    .globl trap_return
trap_return:                    /* rsp is at the struct trap_frame */
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp              /* vector and error code */
    iretq

    .section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The image that does nothing: entered by PVH, it writes "tide: ready" to COM1
 * and ends QEMU with status 33. `make bench` starts it beside Tide to tell the
 * kernel's time from the firmware's and QEMU's own.
 */
    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18          /* name and descriptor size, XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long start

    .text
    .code32                 /* PVH: protected mode, flat segments, paging off */
    .globl start
start:
    mov $message, %esi
    mov $(message_end - message), %ecx
    mov $0x3f8, %dx
1:  lodsb
    out %al, %dx
    loop 1b
    mov $0x10, %eax         /* EXIT_OK */
    mov $0xf4, %dx
    out %eax, %dx
2:  hlt
    jmp 2b

message:
    .ascii "tide: ready\r\n"
message_end:

    .section .note.GNU-stack, "", @progbits

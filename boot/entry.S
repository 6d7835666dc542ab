/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the first instruction to boot_main() in long mode.
 *
 * Entered in 32-bit protected mode, paging off, flat segments, ebx pointing at the loader's data:
 * by the PVH note below, or by the ELF entry from a loader that says in eax who it is. Maps the
 * first 4 GiB onto themselves in pages of 2 MiB, switches to long mode and clears .bss. Where the
 * processor has no long mode, prints that and ends the machine.
 */
#define EXIT_PORT 0xf4
#define EXIT_BOOT 0x14 /* include/exit_status.h */

#define COM1_DATA        0x3f8
#define COM1_LINE_STATUS 0x3fd
#define LINE_READY_BIT   0x20

#define CPUID_LONG_MODE_AND_NX (1 << 29 | 1 << 20) /* leaf 0x80000001, edx */

#define CR4_PAE          (1 << 5)
#define MSR_EFER         0xc0000080
#define EFER_LME_AND_NXE (1 << 8 | 1 << 11)
#define CR0_PG_WP_NE_MP_PE 0x80010033 /* and ET, which is always 1 */

#define TABLES_BYTES (6 * 4096)
#define ENTRY_TABLE 0x3  /* present, writable */
#define ENTRY_2MIB  0x83 /* and a page of its own */

    .section .note.Xen, "a", @note
    .balign 4
    .long 4                     /* bytes of the name */
    .long 8                     /* bytes of the descriptor */
    .long 18                    /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .quad boot_entry

    .section .boot.text, "ax"
    .code32
    .globl boot_entry
boot_entry:
    cli
    cld
    movl %eax, %ebp             /* ebp and ebx keep what the loader said */
    xorl %eax, %eax
    movl $boot_tables, %edi
    movl $(TABLES_BYTES / 4), %ecx
    rep stosl
    movl $boot_stack_top, %esp
    movl %ebx, %esi             /* cpuid changes ebx */

    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    andl $CPUID_LONG_MODE_AND_NX, %edx
    cmpl $CPUID_LONG_MODE_AND_NX, %edx
    jne no_long_mode

    /* One table of level 4, one of level 3, four of level 2 for 1 GiB each. */
    movl $(boot_tables + 0x1000 + ENTRY_TABLE), boot_tables
    movl $(boot_tables + 0x2000 + ENTRY_TABLE), %eax
    movl $(boot_tables + 0x1000), %edi
    movl $4, %ecx
1:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    loop 1b
    movl $ENTRY_2MIB, %eax
    movl $(boot_tables + 0x2000), %edi
    movl $(4 * 512), %ecx
2:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 2b

    movl %cr4, %eax
    orl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $boot_tables, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME_AND_NXE, %eax
    wrmsr
    movl $CR0_PG_WP_NE_MP_PE, %eax
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $0x08, $enter_64

/* The machine may have neither the UART nor the exit device: after the message, halt. */
no_long_mode:
    movl $no_long_mode_text, %esi
3:  movl $100000, %ecx          /* the longest wait for the UART */
    movw $COM1_LINE_STATUS, %dx
4:  inb %dx, %al
    testb $LINE_READY_BIT, %al
    loopz 4b
    lodsb
    testb %al, %al
    jz 5f
    movw $COM1_DATA, %dx
    outb %al, %dx
    jmp 3b
5:  movb $EXIT_BOOT, %al
    outb %al, $EXIT_PORT
6:  hlt
    jmp 6b

    .code64
enter_64:
    movl $0x10, %eax
    movl %eax, %ss
#ifdef TIDE_DEBUG               /* an entry that is read before it is written shows */
    movl $image_not_cleared, %edi
    movl $image_bss_start, %ecx
    subl %edi, %ecx
    rep stosb
#endif
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl $image_bss_start, %edi
    movl $image_bss_end, %ecx
    subl %edi, %ecx
    shrl $3, %ecx
    rep stosq
    movl %ebp, %edi             /* first argument: the loader's eax; the second, esi, its ebx */
    xorl %ebp, %ebp             /* backtraces end here */
    call boot_main
7:  hlt
    jmp 7b

    .section .rodata
no_long_mode_text:
    .asciz "tide: error: the processor lacks long mode or no-execute pages\r\n"
    .balign 8
    .globl boot_gdt             /* and for arch/x86_64/smp/cpu_start.S */
boot_gdt:
    .quad 0
    .quad 0x00209b0000000000    /* 64-bit code */
    .quad 0x0000930000000000    /* data */
boot_gdt_pointer:
    .word . - boot_gdt - 1
    .quad boot_gdt

    .section .bss.boot_tables, "aw", @nobits
    .balign 4096
    .globl boot_tables
boot_tables:
    .skip TABLES_BYTES

    .section .note.GNU-stack, "", @progbits

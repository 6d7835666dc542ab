/* SPDX-License-Identifier: BSD-2-Clause */
/* From the PVH note to bare() in 64-bit mode, 512 GiB mapped onto themselves in pages of 1 GiB, which the processor
 * must have; and the functions that are shorter here than in C. */
        .globl vmem_host_free, vmem_host_dma_free, vmem_host_wake, vmem_host_relax, vmem_host_log, vmem_host_panic
        .globl vmem_host_pci_unmap, vmem_host_pci_irq_attach, vmem_host_pci_irq_detach, memcpy, memset, entry

        .code32                         /* protected mode, paging off, .bss zero */
entry:  movl $tables + 0x1003, tables   /* level 4 has one entry, present and writable */
        movl $tables + 0x2000, %edi     /* level 3 is filled from its end */
        movl $0x80, %edx
        movl $0x83, %eax                /* present, writable, a page of its own */
1:      subl $0x40000000, %eax
        sbbl $0, %edx
        subl $8, %edi
        movl %eax, (%edi)
        movl %edx, 4(%edi)
        cmpl $tables + 0x1000, %edi
        ja 1b
        movl $tables, %eax
        movl %eax, %cr3
        movl $0x20, %eax                /* CR4: PAE */
        movl %eax, %cr4
        movl $0xc0000080, %ecx          /* EFER: LME; edx is 0 */
        movl $0x100, %eax
        wrmsr
        movl $0x80000011, %eax          /* CR0: PG, ET, PE */
        movl %eax, %cr0
        lgdt gdt_pointer
        ljmp $8, $2f
        .code64
2:      movl $tables + 0x10000, %esp    /* what is left of the tables is the stack */
        call bare
vmem_host_panic: ud2                          /* ends QEMU where it runs with -no-reboot */

memcpy: movq %rdi, %rax
        movq %rdx, %rcx
        rep movsb
        ret
memset: movl %esi, %eax
        movq %rdi, %rsi
        movq %rdx, %rcx
        rep stosb
        movq %rsi, %rax
        ret
vmem_host_log: movq %rdx, %rsi          /* to COM1 */
        movw $0x3f8, %dx
3:      lodsb
        testb %al, %al
        jz 4f
        outb %al, %dx
        jmp 3b
4:      movb $'\n', %al
        outb %al, %dx
vmem_host_pci_irq_attach: movl $-7, %eax /* VMEM_E_UNSUPPORTED: the device is polled */
vmem_host_free: vmem_host_dma_free: vmem_host_wake: vmem_host_relax: vmem_host_pci_unmap: vmem_host_pci_irq_detach:
        ret

gdt:    .quad 0, 0x00209b0000000000     /* 64-bit code */
gdt_pointer: .word 15
        .long gdt
        .comm tables, 0x10000, 4096
        .section .note.Xen, "a", @note
        .long 4, 8, 18                  /* bytes of the name, of the value; XEN_ELFNOTE_PHYS32_ENTRY */
        .asciz "Xen"
        .quad entry

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The header for GRUB, Limine and every other loader of Multiboot2: within the first
 * 32 KiB of the file (linker.ld puts it first), 8-aligned, its tags 8-aligned too.
 *
 * It demands nothing: a screen is taken in any form, or none. There is no header of
 * Multiboot 1: QEMU's -kernel would find it before the PVH note and refuse an ELF64.
 */
#define HEADER_MAGIC 0xe85250d6
#define ARCHITECTURE_I386 0     /* entered in 32-bit protected mode */

#define TAG_END         0
#define TAG_REQUEST     1       /* wanted in the boot information */
#define TAG_CONSOLE     4
#define TAG_FRAMEBUFFER 5
#define OPTIONAL        1       /* a flag of every tag */
#define EGA_TEXT        2       /* the console tag's flag: text mode is understood */

#define INFO_CMDLINE    1
#define INFO_MEMORY_MAP 6
#define INFO_RSDP_1     14
#define INFO_RSDP_2     15

    .section .boot.header, "a"
    .balign 8
header:
    .long HEADER_MAGIC, ARCHITECTURE_I386, header_end - header
    .long -(HEADER_MAGIC + ARCHITECTURE_I386 + (header_end - header))

    .balign 8
requests:
    .word TAG_REQUEST, 0
    .long requests_end - requests
    .long INFO_CMDLINE, INFO_MEMORY_MAP
requests_end:

    .balign 8
optional_requests:
    .word TAG_REQUEST, OPTIONAL
    .long optional_requests_end - optional_requests
    .long INFO_RSDP_1, INFO_RSDP_2
optional_requests_end:

    .balign 8
    .word TAG_CONSOLE, OPTIONAL
    .long 12, EGA_TEXT

    .balign 8
    .word TAG_FRAMEBUFFER, OPTIONAL
    .long 20
    .long 0, 0, 0               /* width, height, depth: no preference */

    .balign 8
    .word TAG_END, 0
    .long 8
header_end:

    .section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a boot loader tells the kernel, in one form whatever the protocol.
 *
 * boot/ fills it once, by copying: the loader's own tables lie in low memory
 * that the page allocator will hand out. From kmain() on it is read only.
 * The memory map never holds a virtio-mem region (virtio 1.4, "Memory Device"):
 * that is known from the device's configuration space alone.
 */
#ifndef TIDE_INCLUDE_BOOT_INFO_H
#define TIDE_INCLUDE_BOOT_INFO_H

#include "include/types.h"

#define BOOT_CMDLINE_BYTES 2048
#define BOOT_MEMORY_RANGES 64

enum boot_memory_type { /* the numbers of E820 */
                        BOOT_MEMORY_RAM = 1,
                        BOOT_MEMORY_RESERVED = 2,
                        BOOT_MEMORY_ACPI = 3,
                        BOOT_MEMORY_NVS = 4,
                        BOOT_MEMORY_BAD = 5,
};

struct boot_memory_range {
    paddr_t base;
    u64 bytes;
    u32 type; /* enum boot_memory_type; any other number is reserved memory */
};

enum boot_screen_kind {
    BOOT_SCREEN_UNKNOWN, /* the loader said nothing */
    BOOT_SCREEN_TEXT,    /* 16-bit cells as those of VGA: character, attribute */
    BOOT_SCREEN_PIXELS,  /* of direct colour */
    BOOT_SCREEN_OTHER,
};

/* The screen as the loader left it. Untrusted as all it says. */
struct boot_screen {
    enum boot_screen_kind kind;
    paddr_t base;
    u32 pitch_bytes; /* from one row to the next */
    u32 width;       /* in characters or pixels */
    u32 height;
    u32 bits_per_pixel;
};

/* A file that the loader put beside the kernel. It stays where it is, and mm leaves it alone. */
struct boot_module {
    paddr_t base;
    u64 bytes; /* 0: there is none */
};

struct boot_info {
    const char *protocol;             /* "pvh" or "multiboot2" */
    char cmdline[BOOT_CMDLINE_BYTES]; /* NUL-terminated */
    bool cmdline_truncated;           /* the loader's was longer */
    u32 nr_ranges;
    struct boot_memory_range ranges[BOOT_MEMORY_RANGES]; /* sorted, without overlap */
    u32 nr_ranges_dropped;                               /* did not fit; named in a warning */
    paddr_t rsdp;        /* of the ACPI tables; 0 if the loader named none */
    paddr_t ebda;        /* the BIOS's extended data area, where an RSDP may be; 0 if unknown */
    paddr_t kernel_base; /* page aligned */
    u64 kernel_bytes;
    struct boot_module module; /* the first one; it lies in one range of RAM, beside the kernel */
    struct boot_screen screen;
};

#endif

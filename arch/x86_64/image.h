/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the kernel's image lies, from linker.ld: only the addresses of these symbols mean anything.
 * All are page aligned.
 */
#ifndef TIDE_ARCH_IMAGE_H
#define TIDE_ARCH_IMAGE_H

#include "include/types.h"

extern const u8 image_start[];      /* first byte of text, read and execute */
extern const u8 image_text_end[];   /* first byte of the constants, read only */
extern const u8 image_data_start[]; /* first byte of data, read and write */
extern const u8 image_end[];        /* first byte after .bss and the stacks */

static inline bool image_has_text(u64 address)
{
    return address >= (uintptr_t)image_start && address < (uintptr_t)image_text_end;
}

#endif

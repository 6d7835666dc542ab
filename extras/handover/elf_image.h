/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a kernel image says of itself: an ELF64 for x86-64 with the PVH note.
 *
 * Pure. The file is not trusted: no offset or size of it is used before it was
 * compared with the file's length, and every count is bounded.
 */
#ifndef TIDE_EXTRAS_HANDOVER_ELF_IMAGE_H
#define TIDE_EXTRAS_HANDOVER_ELF_IMAGE_H

#include "include/types.h"

#define ELF_SEGMENTS_MAX 16
#define ELF_REASON_BYTES 128

/* Goes to [paddr, paddr + bytes): file_bytes from the file, zeros behind them. */
struct elf_segment {
    paddr_t paddr;
    u64 bytes; /* above 0; the end is below 4 GiB */
    u64 file_offset;
    u64 file_bytes;
};

struct elf_image {
    u32 entry; /* by the PVH note; in the file's part of an executable segment */
    unsigned nr_segments;
    struct elf_segment segments[ELF_SEGMENTS_MAX]; /* none overlaps another */
};

/*
 * Read the headers of a file in memory. E_INVAL if it is not such an image, with
 * what was found and what was expected in reason.
 */
must_check int elf_image_parse(const void *file, u64 bytes, struct elf_image *image,
                               char reason[ELF_REASON_BYTES]);

#endif

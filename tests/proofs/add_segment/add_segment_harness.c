/* SPDX-License-Identifier: BSD-2-Clause */
/* One more segment of any file, with any taken before it. */
#include "extras/handover/elf_image.c"
#include "tests/proofs/kernel.h"

void harness(void)
{
    struct elf_image image;
    char reason[ELF_REASON_BYTES];
    struct parser parser = {.image = &image, .reason = reason};
    struct elf_segment_header header;
    unsigned before = image.nr_segments = nondet_bool() ? ELF_SEGMENTS_MAX : nondet_u8() % 4;
    struct elf_segment *other = &image.segments[nondet_u8() % ELF_SEGMENTS_MAX];
    for (unsigned i = 0; i < ELF_SEGMENTS_MAX; i++) /* as they were taken */
        ASSUME(image.segments[i].bytes != 0 && image.segments[i].paddr < 4 * GIB &&
               image.segments[i].bytes <= 4 * GIB - image.segments[i].paddr);
    struct elf_segment kept = *other;

    int status = add_segment(&parser, &header);
    bool is_taken = image.nr_segments != before;
    PROVE(is_taken <= (status == OK) && image.nr_segments <= before + 1);
    PROVE(image.nr_segments <= ELF_SEGMENTS_MAX);
    bool is_before = other < &image.segments[before];
    PROVE(!is_before || (other->paddr == kept.paddr && other->bytes == kept.bytes));
    if (!is_taken)
        return;
    const struct elf_segment *taken = &image.segments[before];
    PROVE(taken->paddr == header.paddr && taken->file_bytes == header.file_bytes);
    PROVE(taken->bytes != 0 && taken->paddr + taken->bytes <= 4 * GIB);
    PROVE(taken->file_bytes <= taken->bytes && taken->file_offset == header.offset);
    PROVE(!is_before || taken->paddr + taken->bytes <= kept.paddr ||
          kept.paddr + kept.bytes <= taken->paddr);
}

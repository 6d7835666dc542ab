/* SPDX-License-Identifier: BSD-2-Clause */
/* The notes of any file, in any segment that lies in it: no byte behind the
 * file's end is read. */
#include "lib/string.h"
#include "tests/proofs/kernel.h"

static u8 file[64];
static u64 file_bytes;

/* By bytes: all that is read lies in the file. */
static inline void copy(void *to, const void *from, u64 bytes)
{
    u64 at = (u64)((const u8 *)from - file);
    PROVE(at <= file_bytes && bytes <= file_bytes - at && bytes <= 12);
    for (u64 i = 0; i < 12 && i < bytes; i++)
        ((u8 *)to)[i] = file[at + i];
}

static inline int compare(const void *one, const void *other, u64 bytes)
{
    u64 at = (u64)((const u8 *)one - file);
    PROVE(at <= file_bytes && bytes == 4 && bytes <= file_bytes - at);
    for (u64 i = 0; i < 4; i++)
        if (file[at + i] != ((const u8 *)other)[i])
            return 1;
    return 0;
}

#define memcpy copy
#define memcmp compare
#include "extras/handover/elf_image.c"

void harness(void)
{
    struct elf_segment_header header;
    struct parser parser = {.file = file, .has_entry = nondet_bool()};
    __CPROVER_havoc_object(file);
    file_bytes = parser.bytes = nondet_u8() % (sizeof(file) + 1);
    ASSUME(is_in_file(&parser, header.offset, header.file_bytes));
    bool had_entry = parser.has_entry;
    u64 entry = parser.entry = 42;

    look_at_notes(&parser, &header);
    PROVE(parser.has_entry >= had_entry &&
          (parser.has_entry != had_entry || parser.entry == entry));
    PROVE(parser.has_entry == had_entry || header.file_bytes >= sizeof(struct elf_note) + 8);
}

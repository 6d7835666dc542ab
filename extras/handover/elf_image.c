/* SPDX-License-Identifier: BSD-2-Clause */
/* See elf_image.h. The layouts are those of the ELF-64 Object File Format. */
#include "extras/handover/elf_image.h"

#include "include/pvh.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/printf.h"
#include "lib/string.h"

#define CLASS_64        2
#define LITTLE_ENDIAN_1 1
#define MACHINE_X86_64  62
#define TYPE_EXECUTABLE 2
#define HEADERS_MAX     64
#define NOTE_BYTES_MAX  (64 * KIB)
#define NOTE_ALIGNMENT  4

enum segment_type {
    SEGMENT_LOAD = 1,
    SEGMENT_NOTE = 4,
};

#define FLAG_EXECUTE 1

struct elf_header {
    u8 magic[4];
    u8 class;
    u8 encoding;
    u8 ident[10];
    u16 type;
    u16 machine;
    u32 version;
    u64 entry;
    u64 segments_offset;
    u64 sections_offset;
    u32 flags;
    u16 header_bytes;
    u16 segment_header_bytes;
    u16 nr_segments;
    u16 rest[3];
};

struct elf_segment_header {
    u32 type;
    u32 flags;
    u64 offset;
    u64 vaddr;
    u64 paddr;
    u64 file_bytes;
    u64 bytes;
    u64 alignment;
};

struct elf_note {
    u32 name_bytes;
    u32 value_bytes;
    u32 type;
};

_Static_assert(sizeof(struct elf_header) == 64, "ELF's layout");
_Static_assert(sizeof(struct elf_segment_header) == 56, "ELF's layout");

struct parser {
    const u8 *file;
    u64 bytes;
    struct elf_image *image;
    u64 entry; /* by a note */
    bool has_entry;
    char *reason;
};

static bool is_in_file(const struct parser *parser, u64 offset, u64 bytes)
{
    return offset <= parser->bytes && bytes <= parser->bytes - offset;
}

/* The reason is in the parser's buffer. */
#define refuse(parser, ...) (snprintf((parser)->reason, ELF_REASON_BYTES, __VA_ARGS__), E_INVAL)

static int read_header(struct parser *parser, struct elf_header *header)
{
    if (parser->bytes < sizeof(*header))
        return refuse(parser, "%llu bytes, expected an ELF header of %zu",
                      (unsigned long long)parser->bytes, sizeof(*header));
    memcpy(header, parser->file, sizeof(*header));
    if (memcmp(header->magic, "\177ELF", sizeof(header->magic)) != 0)
        return refuse(parser, "it begins with %02x %02x %02x %02x, expected ELF's 7f 45 4c 46",
                      header->magic[0], header->magic[1], header->magic[2], header->magic[3]);
    if (header->class != CLASS_64 || header->encoding != LITTLE_ENDIAN_1 ||
        header->type != TYPE_EXECUTABLE || header->machine != MACHINE_X86_64)
        return refuse(parser,
                      "ELF class %u, encoding %u, type %u, machine %u, expected 2, 1, 2, 62",
                      header->class, header->encoding, header->type, header->machine);
    if (header->segment_header_bytes != sizeof(struct elf_segment_header) ||
        header->nr_segments == 0 || header->nr_segments > HEADERS_MAX)
        return refuse(parser, "%u program headers of %u bytes, expected 1 to %u of %zu",
                      header->nr_segments, header->segment_header_bytes, HEADERS_MAX,
                      sizeof(struct elf_segment_header));
    if (!is_in_file(parser, header->segments_offset,
                    header->nr_segments * sizeof(struct elf_segment_header)))
        return refuse(parser, "program headers at 0x%llx, but the file ends at 0x%llx",
                      (unsigned long long)header->segments_offset,
                      (unsigned long long)parser->bytes);
    return OK;
}

static int add_segment(struct parser *parser, const struct elf_segment_header *header)
{
    struct elf_image *image = parser->image;

    if (header->bytes == 0 && header->file_bytes == 0)
        return OK;
    if (header->file_bytes > header->bytes || header->paddr >= 4 * GIB ||
        header->bytes > 4 * GIB - header->paddr)
        return refuse(parser,
                      "a segment of 0x%llx bytes, 0x%llx of them in the file, for 0x%llx, expected "
                      "an end below 4 GiB",
                      (unsigned long long)header->bytes, (unsigned long long)header->file_bytes,
                      (unsigned long long)header->paddr);
    if (image->nr_segments == ELF_SEGMENTS_MAX)
        return refuse(parser, "more than %u segments to load", ELF_SEGMENTS_MAX);
    for (unsigned i = 0; i < image->nr_segments; i++) {
        const struct elf_segment *other = &image->segments[i];

        if (ranges_overlap(header->paddr, header->bytes, other->paddr, other->bytes))
            return refuse(parser, "the segments for 0x%llx and 0x%llx overlap",
                          (unsigned long long)other->paddr, (unsigned long long)header->paddr);
    }
    image->segments[image->nr_segments++] =
        (struct elf_segment){header->paddr, header->bytes, header->offset, header->file_bytes};
    return OK;
}

/* The note's name is "Xen" with its NUL; its value the entry, of 4 or 8 bytes. */
static void look_at_note(struct parser *parser, const struct elf_note *note, u64 name, u64 value)
{
    if (parser->has_entry || note->type != PVH_NOTE_ENTRY || note->name_bytes != 4 ||
        note->value_bytes < sizeof(u32) || memcmp(parser->file + name, "Xen", 4) != 0)
        return;
    memcpy(&parser->entry, parser->file + value, min_u64(note->value_bytes, sizeof(u64)));
    parser->has_entry = true;
}

/* A list that breaks its own bounds ends there. */
static void look_at_notes(struct parser *parser, const struct elf_segment_header *header)
{
    u64 end = header->offset + min_u64(header->file_bytes, NOTE_BYTES_MAX);
    struct elf_note note;

    for (u64 at = header->offset; at + sizeof(note) <= end;) {
        memcpy(&note, parser->file + at, sizeof(note));
        u64 name = at + sizeof(note);
        u64 value = name + align_up(note.name_bytes, NOTE_ALIGNMENT);
        if (value > end || note.value_bytes > end - value)
            return;
        look_at_note(parser, &note, name, value);
        at = value + align_up(note.value_bytes, NOTE_ALIGNMENT);
    }
}

static int take_segments(struct parser *parser, const struct elf_header *elf,
                         struct elf_segment_header headers[HEADERS_MAX])
{
    for (unsigned i = 0; i < elf->nr_segments; i++) {
        struct elf_segment_header *header = &headers[i];

        memcpy(header, parser->file + elf->segments_offset + i * sizeof(*header), sizeof(*header));
        if (header->type != SEGMENT_LOAD && header->type != SEGMENT_NOTE)
            continue;
        if (!is_in_file(parser, header->offset, header->file_bytes))
            return refuse(parser,
                          "segment %u is 0x%llx bytes at 0x%llx, but the file ends at 0x%llx", i,
                          (unsigned long long)header->file_bytes,
                          (unsigned long long)header->offset, (unsigned long long)parser->bytes);
        if (header->type == SEGMENT_NOTE) {
            look_at_notes(parser, header);
            continue;
        }
        int status = add_segment(parser, header);
        if (status != OK)
            return status;
    }
    return OK;
}

static bool can_enter(const struct elf_segment_header *header, u64 entry)
{
    return header->type == SEGMENT_LOAD && (header->flags & FLAG_EXECUTE) != 0 &&
           entry >= header->paddr && entry - header->paddr < header->file_bytes;
}

int elf_image_parse(const void *file, u64 bytes, struct elf_image *image,
                    char reason[ELF_REASON_BYTES])
{
    struct elf_segment_header headers[HEADERS_MAX];
    struct elf_header elf;
    struct parser parser = {.file = file, .bytes = bytes, .image = image, .reason = reason};

    *image = (struct elf_image){0};
    int status = read_header(&parser, &elf);
    if (status == OK)
        status = take_segments(&parser, &elf, headers);
    if (status != OK)
        return status;
    if (!parser.has_entry)
        return refuse(&parser, "it has no PVH note, expected type %u of \"Xen\"", PVH_NOTE_ENTRY);
    for (unsigned i = 0; i < elf.nr_segments; i++) {
        if (!can_enter(&headers[i], parser.entry))
            continue;
        image->entry = (u32)parser.entry;
        return OK;
    }
    return refuse(&parser, "its entry 0x%llx is in no executable segment",
                  (unsigned long long)parser.entry);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Multiboot2 boot protocol (GNU GRUB, "The Multiboot2 Specification"): ebx
 * points at a list of tags.
 *
 * The list lies in memory that will be handed out: what is wanted is copied here, the
 * RSDP included, of which the list holds a copy and no address. A list that
 * breaks its own bounds ends there, with a warning; the tags before count.
 */
#include "extras/multiboot2/multiboot2.h"

#include "boot/boot.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "lib/string.h"

#define MULTIBOOT2_MAGIC     0x36d76289
#define INFO_BYTES_MAX       (1 * MIB)
#define TAG_ALIGNMENT        8
#define RSDP_BYTES           36 /* the larger of the two kinds */
#define RSDP_BYTES_VERSION_1 20

enum tag_type {
    TAG_END = 0,
    TAG_CMDLINE = 1,
    TAG_MODULE = 3,
    TAG_MEMORY_MAP = 6,
    TAG_FRAMEBUFFER = 8,
    TAG_RSDP_1 = 14,
    TAG_RSDP_2 = 15,
};

struct info_header {
    u32 bytes; /* of the whole list, this header included */
    u32 reserved;
};

struct tag {
    u32 type;
    u32 bytes; /* this header included, padding not */
};

struct memory_map_tag {
    struct tag tag;
    u32 entry_bytes;
    u32 entry_version;
};

struct memory_map_entry {
    u64 base;
    u64 bytes;
    u32 type;
    u32 reserved;
};

struct module_tag {
    struct tag tag;
    u32 start;
    u32 end; /* the first byte behind it */
};

struct framebuffer_tag {
    struct tag tag;
    u64 base;
    u32 pitch_bytes;
    u32 width;
    u32 height;
    u8 bits_per_pixel;
    u8 kind; /* as in enum boot_screen_kind, from 0 */
} packed_abi;

_Static_assert(sizeof(struct memory_map_entry) == 24, "the protocol's layout");
_Static_assert(sizeof(struct framebuffer_tag) == 30, "the protocol's layout");

bool multiboot2_detect(u32 loader_eax)
{
    return loader_eax == MULTIBOOT2_MAGIC;
}

static void copy_cmdline(const u8 *tag, u32 bytes, struct boot_info *info)
{
    const char *text = (const char *)tag + sizeof(struct tag);
    size_t length = strnlen(text, bytes - sizeof(struct tag));

    if (length >= BOOT_CMDLINE_BYTES) {
        info->cmdline_truncated = true;
        length = BOOT_CMDLINE_BYTES - 1;
    }
    memcpy(info->cmdline, text, length);
    info->cmdline[length] = '\0';
}

static int copy_memory_map(const u8 *tag, u32 bytes, struct memory_map *map)
{
    struct memory_map_tag header;
    struct memory_map_entry entry;

    if (bytes < sizeof(header))
        return OK;
    memcpy(&header, tag, sizeof(header));
    if (header.entry_bytes < sizeof(entry)) {
        log_error(LOG_ARCH, "boot", "Multiboot2 memory map has entries of %u bytes, expected %zu",
                  header.entry_bytes, sizeof(entry));
        return E_RANGE;
    }
    for (u64 at = sizeof(header); at + sizeof(entry) <= bytes; at += header.entry_bytes) {
        memcpy(&entry, tag + at, sizeof(entry));
        int status = memory_map_add(map, entry.base, entry.bytes, entry.type);
        if (status != OK) {
            log_error(LOG_ARCH, "boot", "Multiboot2 memory map has more than %u reserved ranges",
                      MEMORY_MAP_ENTRIES);
            return status;
        }
    }
    return OK;
}

/* The copy of version 2 wins: it names the XSDT. */
static void copy_rsdp(const u8 *tag, u32 bytes, u32 type, struct boot_info *info)
{
    static u8 rsdp[RSDP_BYTES] __attribute__((aligned(16)));
    u32 wanted = type == TAG_RSDP_2 ? RSDP_BYTES : RSDP_BYTES_VERSION_1;

    if (bytes - sizeof(struct tag) < wanted || (info->rsdp != 0 && type == TAG_RSDP_1))
        return;
    memcpy(rsdp, tag + sizeof(struct tag), wanted);
    info->rsdp = virt_to_phys(rsdp);
}

static void note_module(const u8 *tag, u32 bytes, struct boot_info *info)
{
    struct module_tag found;

    if (bytes < sizeof(found) || info->module.bytes != 0)
        return;
    memcpy(&found, tag, sizeof(found));
    if (found.end > found.start)
        info->module = (struct boot_module){found.start, found.end - found.start};
}

static void copy_framebuffer(const u8 *tag, u32 bytes, struct boot_screen *screen)
{
    static const enum boot_screen_kind kinds[] = {
        [0] = BOOT_SCREEN_OTHER, /* indexed colours */
        [1] = BOOT_SCREEN_PIXELS,
        [2] = BOOT_SCREEN_TEXT,
    };
    struct framebuffer_tag found;

    if (bytes < sizeof(found))
        return;
    memcpy(&found, tag, sizeof(found));
    *screen = (struct boot_screen){
        .kind = found.kind < ARRAY_SIZE(kinds) ? kinds[found.kind] : BOOT_SCREEN_OTHER,
        .base = found.base,
        .pitch_bytes = found.pitch_bytes,
        .width = found.width,
        .height = found.height,
        .bits_per_pixel = found.bits_per_pixel,
    };
}

static int parse_tag(const u8 *tag, const struct tag *header, struct boot_info *info,
                     struct memory_map *map)
{
    switch (header->type) {
    case TAG_CMDLINE:
        copy_cmdline(tag, header->bytes, info);
        break;
    case TAG_MODULE:
        note_module(tag, header->bytes, info);
        break;
    case TAG_MEMORY_MAP:
        return copy_memory_map(tag, header->bytes, map);
    case TAG_FRAMEBUFFER:
        copy_framebuffer(tag, header->bytes, &info->screen);
        break;
    case TAG_RSDP_1:
    case TAG_RSDP_2:
        copy_rsdp(tag, header->bytes, header->type, info);
        break;
    default:
        break;
    }
    return OK;
}

int multiboot2_parse(u32 loader_ebx, struct boot_info *info, struct memory_map *map)
{
    struct info_header list = {0};
    struct tag header;

    info->protocol = "multiboot2";
    if (loader_ebx % TAG_ALIGNMENT == 0) /* else it may end past what is mapped */
        memcpy(&list, phys_to_virt(loader_ebx), sizeof(list));
    if (loader_ebx % TAG_ALIGNMENT != 0 || list.bytes > INFO_BYTES_MAX ||
        list.bytes > 4 * GIB - loader_ebx) {
        log_error(LOG_ARCH, "boot",
                  "Multiboot2 information of %u bytes at 0x%x, expected at most %llu, 8-aligned",
                  list.bytes, loader_ebx, (unsigned long long)INFO_BYTES_MAX);
        return E_RANGE;
    }
    const u8 *start = phys_to_virt(loader_ebx);
    for (u64 at = sizeof(list); at + sizeof(header) <= list.bytes;) {
        memcpy(&header, start + at, sizeof(header));
        if (header.type == TAG_END)
            return OK;
        if (header.bytes < sizeof(header) || header.bytes > list.bytes - at)
            break;
        int status = parse_tag(start + at, &header, info, map);
        if (status != OK)
            return status;
        at += align_up(header.bytes, TAG_ALIGNMENT);
    }
    log_warning(LOG_ARCH, "boot", "Multiboot2 information of %u bytes has no end tag", list.bytes);
    return OK;
}

EXTRA(multiboot2) = {
    .name = "multiboot2",
    .boot_detect = multiboot2_detect,
    .boot_parse = multiboot2_parse,
};

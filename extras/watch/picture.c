/* SPDX-License-Identifier: BSD-2-Clause */
/* See picture.h. Who uses a pageblock is read from its entry without a lock: a glance, that decides
 * nothing. */
#include "extras/watch/picture.h"

#include "include/units.h"
#include "kernel/devices.h"
#include "lib/parse.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/free_index.h"
#include "mm/hotplug/hotplug.h"

#define END_OF_LINE "\x1b[K\n"

struct cell {
    u64 nr_plugged;
    u64 used_frames;
    u32 users; /* a bit for each */
};

static void add(struct picture *picture, const char *format, ...) printf_like(2, 3);
static void add(struct picture *picture, const char *format, ...)
{
    va_list arguments;
    size_t room = PICTURE_BYTES - picture->length;
    va_start(arguments, format);
    size_t bytes = vsnprintf(picture->text + picture->length, room, format, arguments);
    va_end(arguments);
    picture->length += bytes < room ? bytes : room - 1;
}

static void end_line(struct picture *picture)
{
    add(picture, END_OF_LINE);
    picture->nr_lines++;
}

static unsigned user_of(u32 entry)
{
    if (entry & PB_MOVABLE)
        return PICTURE_OWNERS + entry_owner(entry);
    return entry & PB_METADATA ? PICTURE_METADATA : PICTURE_UNMOVABLE;
}

static char letter_of(unsigned user)
{
    static const char fixed[] = {[PICTURE_UNMOVABLE] = 'u', [PICTURE_METADATA] = 'm'};
    return user < PICTURE_OWNERS ? fixed[user] : (char)('a' + user - PICTURE_OWNERS);
}

/* Count the frames in use of a plugged block, a pageblock at a time, as each has one user. */
static void count_block(struct picture *picture, struct cell *cell, paddr_t base, u64 bytes)
{
    for (paddr_t at = base; at < base + bytes;) {
        paddr_t end = min_u64(align_down(at, PAGEBLOCK_BYTES) + PAGEBLOCK_BYTES, base + bytes);
        u64 used = hotplug_used_frames(at, end - at);
        struct pageblock pb = pageblock_at(at);
        if (used != 0 && pb.section) {
            unsigned user = user_of(__atomic_load_n(pageblock_entry(pb), __ATOMIC_RELAXED));
            cell->users |= 1u << user;
            cell->used_frames += used;
            picture->used_frames[user] += used;
        }
        at = end;
    }
}

/* Lower case: some frames are in use; upper case: all. */
static char cell_letter(const struct cell *cell, u64 nr_blocks, u64 block_bytes)
{
    if (cell->used_frames == 0)
        return cell->nr_plugged == 0 ? '.' : cell->nr_plugged < nr_blocks ? ':' : '-';
    if (cell->users & (cell->users - 1))
        return '*';
    char letter = letter_of((unsigned)__builtin_ctz(cell->users));
    bool is_full = cell->used_frames == nr_blocks * (block_bytes / PAGE_BYTES);
    return is_full ? (char)(letter - 'a' + 'A') : letter;
}

static char draw_cell(struct picture *picture, const struct vmem_device *vmem,
                      const struct vmem_status *status, u64 first, u64 nr_blocks)
{
    struct cell cell = {0};
    u64 bytes = status->config.block_bytes;
    for (u64 block = first; block < first + nr_blocks; block++) {
        if (!vmem_block_is_plugged(vmem, block))
            continue;
        cell.nr_plugged++;
        count_block(picture, &cell, status->config.region_base + block * bytes, bytes);
    }
    return cell_letter(&cell, nr_blocks, bytes);
}

/* Grey for what nobody uses, and a colour for each letter. */
static unsigned colour_of(char letter)
{
    if (letter == '.' || letter == ':' || letter == '-')
        return 90;
    return letter == '*' ? 97 : 91 + (unsigned)(letter | 0x20) % 6;
}

static void draw_row(struct picture *picture, const struct vmem_device *vmem,
                     const struct vmem_status *status, u64 blocks_a_cell, u64 first)
{
    unsigned colour = 0;
    add(picture, "  [");
    for (unsigned i = 0; i < PICTURE_COLUMNS && first < status->nr_blocks; i++) {
        u64 nr_blocks = min_u64(blocks_a_cell, status->nr_blocks - first);
        char letter = draw_cell(picture, vmem, status, first, nr_blocks);
        if (colour_of(letter) != colour) {
            colour = colour_of(letter);
            add(picture, "\x1b[%um", colour);
        }
        add(picture, "%c", letter);
        first += nr_blocks;
    }
    add(picture, "\x1b[0m]");
    end_line(picture);
}

static const char *size_text(u64 bytes, char text[24])
{
    return format_size(bytes, text, 24);
}

static void draw_heading(struct picture *picture, const struct vmem_status *status,
                         u64 blocks_a_cell)
{
    char requested[24];
    char plugged[24];
    char block[24];
    const char *state = status->wait != VMEM_WAIT_NONE ? vmem_wait_text(status->wait)
                        : status->is_settled           ? "settled"
                                                       : vmem_state_name(status->state);
    add(picture, "%s: requested %s, plugged %s, %s; a cell is %lu of %lu blocks of %s",
        status->name, size_text(status->config.requested_bytes, requested),
        size_text(status->plugged_blocks * status->config.block_bytes, plugged), state,
        (unsigned long)blocks_a_cell, (unsigned long)status->nr_blocks,
        size_text(status->config.block_bytes, block));
    end_line(picture);
}

static void draw_end(struct picture *picture)
{
    char size[24];
    struct page_stats stats;
    page_get_stats(&stats);
    add(picture,
        "  . unplugged   : some plugged   - free   small letter: partly in use   * several users");
    end_line(picture);
    add(picture, "  u pages that stay %s",
        size_text(picture->used_frames[PICTURE_UNMOVABLE] * PAGE_BYTES, size));
    add(picture, "   m bitmaps %s",
        size_text(picture->used_frames[PICTURE_METADATA] * PAGE_BYTES, size));
    const char *name;
    for (unsigned i = 0; (name = page_owner_name(i)) != NULL; i++)
        add(picture, "   %c %s %s", letter_of(PICTURE_OWNERS + i), name,
            size_text(picture->used_frames[PICTURE_OWNERS + i] * PAGE_BYTES, size));
    end_line(picture);
    add(picture, "  boot RAM in use %s", size_text(stats.boot_used * PAGE_BYTES, size));
    add(picture, " of %s", size_text(stats.boot_frames * PAGE_BYTES, size));
    end_line(picture);
}

void picture_begin(struct picture *picture)
{
    memset(picture, 0, sizeof(*picture));
}

/* How many rows each region has. */
static unsigned rows_of_each(void)
{
    unsigned nr_devices = 0;
    while (devices_at(nr_devices))
        nr_devices++;
    return nr_devices < PICTURE_ROWS ? PICTURE_ROWS / nr_devices : 1;
}

bool picture_step(struct picture *picture)
{
    struct vmem_status status;
    const struct vmem_device *vmem = devices_at(picture->device);
    if (!vmem) {
        draw_end(picture);
        return false;
    }
    vmem_get_status(vmem, &status);
    u64 nr_cells = (u64)rows_of_each() * PICTURE_COLUMNS;
    u64 blocks_a_cell = (status.nr_blocks + nr_cells - 1) / nr_cells;
    u64 first = (u64)picture->row * PICTURE_COLUMNS * blocks_a_cell;
    if (picture->row == 0)
        draw_heading(picture, &status, blocks_a_cell);
    if (first < status.nr_blocks)
        draw_row(picture, vmem, &status, blocks_a_cell, first);
    picture->row++;
    if (first + PICTURE_COLUMNS * blocks_a_cell >= status.nr_blocks) {
        picture->device++;
        picture->row = 0;
    }
    return true;
}

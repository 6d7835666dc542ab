/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A screen in text mode: cells of 16 bits, character and colours.
 *
 * If the loader does not describe the screen, VGA's mode 3 is assumed, in which a BIOS starts: 80
 * columns and 25 rows at 0xb8000. Without VGA, writes there have no effect.
 */
#include "asm/io.h"
#include "asm/mmio.h"
#include "extras/screen/screen.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"

#define VGA_TEXT_BASE 0xb8000
#define VGA_TEXT_ROWS 25
#define CELL_BYTES    2
#define GREY_ON_BLACK 0x0700

#define CRTC_INDEX        0x3d4
#define CRTC_DATA         0x3d5
#define CRTC_CURSOR_START 0x0a
#define CURSOR_OFF        0x20

static volatile u16 *cells;
static u32 cells_a_row;

static void draw(unsigned row, unsigned column, char character)
{
    mmio_write16(&cells[row * cells_a_row + column], (u16)(GREY_ON_BLACK | (u8)character));
}

struct screen_form vga_text_start(const struct boot_screen *screen)
{
    struct boot_screen text = *screen;
    volatile void *memory;

    if (text.kind == BOOT_SCREEN_UNKNOWN)
        text = (struct boot_screen){
            .base = VGA_TEXT_BASE,
            .pitch_bytes = SCREEN_COLUMNS * CELL_BYTES,
            .width = SCREEN_COLUMNS,
            .height = VGA_TEXT_ROWS,
        };
    if (text.width < SCREEN_COLUMNS || text.pitch_bytes < text.width * CELL_BYTES ||
        !is_aligned(text.pitch_bytes | text.base, CELL_BYTES) ||
        platform_map_mmio(text.base, (u64)text.pitch_bytes * text.height, &memory) != OK)
        return (struct screen_form){0};
    cells = memory;
    cells_a_row = text.pitch_bytes / CELL_BYTES;
    unsigned nr_rows = (unsigned)min_u64(text.height, SCREEN_ROWS_MAX);
    for (unsigned row = 0; row < nr_rows; row++)
        for (unsigned column = 0; column < SCREEN_COLUMNS; column++)
            draw(row, column, ' ');
    io_write8(CRTC_INDEX, CRTC_CURSOR_START);
    io_write8(CRTC_DATA, CURSOR_OFF);
    return (struct screen_form){.nr_rows = nr_rows, .draw = draw};
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A screen of pixels, as UEFI has it: letters are drawn, white on black.
 *
 * White is all bits set and black is none, whatever the order of the colours,
 * so any pixel of 16, 24 or 32 bits will do. Letters grow with the screen by whole factors.
 */
#include "asm/mmio.h"
#include "extras/screen/screen.h"
#include "include/platform.h"
#include "include/status.h"

#define CELL_WIDTH  (FONT_COLUMNS + 1)
#define CELL_HEIGHT (FONT_ROWS + 2)

#define FRAMEBUFFER_PIXELS_MAX 16384 /* a side; above it the loader's numbers are nonsense */

static volatile u8 *pixels;
static u32 pitch_bytes;
static u32 pixel_bytes;
static u32 scale;

/* Fill a rectangle of points, each scale x scale pixels. */
static void draw_point(unsigned x, unsigned y, bool white)
{
    for (u32 line = 0; line < scale; line++) {
        volatile u8 *byte =
            pixels + (u64)(y * scale + line) * pitch_bytes + (u64)x * scale * pixel_bytes;

        for (u32 i = 0; i < scale * pixel_bytes; i++)
            mmio_write8(byte + i, white ? 0xff : 0);
    }
}

static void draw(unsigned row, unsigned column, char character)
{
    const u8 *columns = font_columns(character);

    for (unsigned x = 0; x < FONT_COLUMNS; x++)
        for (unsigned y = 0; y < FONT_ROWS; y++)
            draw_point(column * CELL_WIDTH + x, row * CELL_HEIGHT + y, (columns[x] >> y) & 1);
}

struct screen_form framebuffer_start(const struct boot_screen *screen)
{
    volatile void *memory;

    pixel_bytes = screen->bits_per_pixel / 8;
    scale = screen->width / (SCREEN_COLUMNS * CELL_WIDTH);
    pitch_bytes = screen->pitch_bytes;
    if (pixel_bytes < 2 || pixel_bytes > 4 || scale == 0 ||
        screen->width > FRAMEBUFFER_PIXELS_MAX || screen->height > FRAMEBUFFER_PIXELS_MAX ||
        pitch_bytes < screen->width * pixel_bytes ||
        platform_map_mmio(screen->base, (u64)pitch_bytes * screen->height, &memory) != OK)
        return (struct screen_form){0};
    pixels = memory;
    for (u64 i = 0; i < (u64)pitch_bytes * screen->height / 4; i++)
        mmio_write32((volatile u32 *)memory + i, 0);
    return (struct screen_form){
        .nr_rows = (unsigned)min_u64(screen->height / (CELL_HEIGHT * scale), SCREEN_ROWS_MAX),
        .draw = draw,
    };
}

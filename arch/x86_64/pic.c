/* SPDX-License-Identifier: BSD-2-Clause */
/* The two 8259 interrupt controllers; see interrupts.h. Line 2 joins the second to the first. */
#include "arch/x86_64/interrupts.h"
#include "arch/x86_64/traps.h"
#include "asm/io.h"

#define MASTER_COMMAND 0x20
#define MASTER_DATA    0x21
#define SLAVE_COMMAND  0xa0
#define SLAVE_DATA     0xa1
#define LEVEL_TRIGGER  0x4d0 /* a bit a line, two bytes */

#define INIT_WITH_MODE  0x11
#define MODE_8086       0x01
#define END_SPECIFIC    0x60
#define READ_IN_SERVICE 0x0b
#define CASCADE_LINE    2
#define LINES_EACH      8

/* The board's own devices are always edge-triggered: timer, keyboard, cascade, clock, FPU. */
#define ALWAYS_EDGE (1 << 0 | 1 << 1 | 1 << 2 | 1 << 8 | 1 << 13)

static u16 masked;
static u16 level_triggered; /* as the controller has it */

static void write_masks(void)
{
    io_write8(MASTER_DATA, (u8)masked);
    io_write8(SLAVE_DATA, (u8)(masked >> 8));
}

static void start(void)
{
    io_write8(MASTER_COMMAND, INIT_WITH_MODE);
    io_write8(MASTER_DATA, VECTOR_PIC);
    io_write8(MASTER_DATA, 1 << CASCADE_LINE);
    io_write8(MASTER_DATA, MODE_8086);
    io_write8(SLAVE_COMMAND, INIT_WITH_MODE);
    io_write8(SLAVE_DATA, VECTOR_PIC + LINES_EACH);
    io_write8(SLAVE_DATA, CASCADE_LINE);
    io_write8(SLAVE_DATA, MODE_8086);
}

void pic_init(void)
{
    start();
    masked = (u16) ~(1 << CASCADE_LINE);
    level_triggered = (u16)(io_read8(LEVEL_TRIGGER) | io_read8(LEVEL_TRIGGER + 1) << 8);
    write_masks();
}

void pic_resume(void)
{
    start();
    io_write8(LEVEL_TRIGGER, (u8)level_triggered);
    io_write8(LEVEL_TRIGGER + 1, (u8)(level_triggered >> 8));
    write_masks();
}

bool pic_exists(void)
{
    return io_read8(MASTER_DATA) == (u8)masked && io_read8(SLAVE_DATA) == (u8)(masked >> 8);
}

static void set_mask(unsigned line, bool on)
{
    masked = (u16)(on ? masked | 1 << line : masked & ~(1 << line));
    if (line < LINES_EACH)
        io_write8(MASTER_DATA, (u8)masked);
    else
        io_write8(SLAVE_DATA, (u8)(masked >> LINES_EACH));
}

void pic_mask(unsigned line)
{
    set_mask(line, true);
}

void pic_unmask(unsigned line)
{
    set_mask(line, false);
}

void pic_set_level_triggered(unsigned line, bool level)
{
    unsigned first = line / LINES_EACH * LINES_EACH;

    if ((ALWAYS_EDGE >> line & 1) != 0 || (level_triggered >> line & 1) == level)
        return;
    level_triggered = (u16)(level_triggered ^ 1 << line);
    io_write8((u16)(LEVEL_TRIGGER + line / LINES_EACH), (u8)(level_triggered >> first));
}

bool pic_is_spurious(unsigned line)
{
    u16 command = line < LINES_EACH ? MASTER_COMMAND : SLAVE_COMMAND;

    if (line % LINES_EACH != LINES_EACH - 1)
        return false;
    io_write8(command, READ_IN_SERVICE);
    if ((io_read8(command) >> (LINES_EACH - 1) & 1) != 0)
        return false;
    if (command == SLAVE_COMMAND)
        io_write8(MASTER_COMMAND, END_SPECIFIC | CASCADE_LINE); /* the master saw a real one */
    return true;
}

void pic_end(unsigned line)
{
    if (line >= LINES_EACH) {
        io_write8(SLAVE_COMMAND, (u8)(END_SPECIFIC | (line - LINES_EACH)));
        line = CASCADE_LINE;
    }
    io_write8(MASTER_COMMAND, (u8)(END_SPECIFIC | line));
}

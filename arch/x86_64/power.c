/* SPDX-License-Identifier: BSD-2-Clause */
/* The end: give QEMU a status, or switch off, or halt. */
#include "arch/x86_64/arch.h"
#include "asm/io.h"
#include "include/extra.h"
#include "include/platform.h"
#include "lib/console.h"

void platform_exit(unsigned exit_value)
{
    __asm__ volatile("cli" ::: "memory");
    serial_drain();
    io_write8(EXIT_PORT, (u8)exit_value);
    EXTRAS_CALL(power_off);
    console_answer(NULL); /* `exit` may have been typed with a tag */
    console_fresh_line();
    console_printf("tide: halted\n");
    cpu_halt_forever();
}

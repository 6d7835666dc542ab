/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside arch/x86_64: what serial.c offers beyond arch.h. */
#ifndef TIDE_ARCH_SERIAL_H
#define TIDE_ARCH_SERIAL_H

#include "include/types.h"

/* There is a port. After serial_init(). */
bool serial_exists(void);

/* platform_console_write() for the port alone. Nothing without a port. */
void serial_write(const char *text, size_t bytes);

/* Set the port up again after a sleep. Interrupts off. */
void serial_resume(void);

#endif

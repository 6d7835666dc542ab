/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end for a broken invariant of Tide's own. Never for what a device, a
 * boot loader or a user said: that is an error line and a refusal.
 */
#ifndef TIDE_LIB_PANIC_H
#define TIDE_LIB_PANIC_H

#include "include/types.h"

/* Print "panic: TEXT" and the callers, then platform_exit(EXIT_PANIC). Any context. */
_Noreturn void panic(const char *format, ...) printf_like(1, 2);

/* The condition must have no side effect. Kept in every build. */
#define ASSERT(condition)                                                         \
    do {                                                                          \
        if (unlikely(!(condition)))                                               \
            panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition); \
    } while (0)

#endif

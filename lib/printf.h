/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatted text into a buffer, for the kernel; tests/unit uses libc's.
 *
 * Conversions: %c %s %d %u %x %p %%, with flags '-' and '0', a width and for %s a precision, each a
 * number or '*', and the lengths l, ll, z. No floating point. An unknown conversion is copied as it
 * stands.
 */
#ifndef TIDE_LIB_PRINTF_H
#define TIDE_LIB_PRINTF_H

#include <stdarg.h>

#include "include/types.h"

/*
 * As ISO C: returns the length that the whole text has or would have; the
 * buffer is always terminated when bytes > 0. Any context.
 */
int vsnprintf(char *buffer, size_t bytes, const char *format, va_list args) printf_like(3, 0);
int snprintf(char *buffer, size_t bytes, const char *format, ...) printf_like(3, 4);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatted text: the drivers' own, and for a host that has none. */
#ifndef VMEM_FORMAT_H
#define VMEM_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * As snprintf() and vsnprintf(), with these conversions alone: %c %s %d %u %x %%, a '-' or a '0'
 * before the width, a width, for %s a precision, each a number or '*', and the lengths l, ll, z. An
 * unknown letter shows as it stands. Returns the length that the whole text has or would have; the
 * buffer is always terminated if it has a byte. Any context; takes no lock, allocates nothing.
 */
size_t vmem_format(char *buffer, size_t bytes, const char *format, ...)
    __attribute__((__format__(__printf__, 3, 4)));
size_t vmem_vformat(char *buffer, size_t bytes, const char *format, va_list args)
    __attribute__((__format__(__printf__, 3, 0)));

#ifdef __cplusplus
}
#endif

#endif

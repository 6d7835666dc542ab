/* SPDX-License-Identifier: BSD-2-Clause */
/* Text for people: formatting, log lines. Private to drivers/virtio. */
#ifndef VMEM_CORE_TEXT_H
#define VMEM_CORE_TEXT_H

#include <stdarg.h>

#include "defs.h"

/*
 * As snprintf(), with these conversions alone: %s %c %d %u %x %%, and %llu and %llx for what
 * vmem_llu() returns; a width, with or without '0' before it, is allowed. Returns the length that
 * the whole text has or would have; the buffer is always terminated.
 */
size_t vmem_format(char *buffer, size_t bytes, const char *format, ...) VMEM_PRINTF(3, 4);
size_t vmem_vformat(char *buffer, size_t bytes, const char *format, va_list args) VMEM_PRINTF(3, 0);

/* A uint64_t as %llu takes it: on some machines that type is an unsigned long. */
static inline unsigned long long vmem_llu(uint64_t value)
{
    return value;
}

/* One line to vmem_host_log(), put together only if it is wanted; VMEM_LINE_BYTES at most. */
#define VMEM_LINE_BYTES 320
void vmem_log(enum vmem_log_level level, const char *device, const char *format, ...)
    VMEM_PRINTF(3, 4);

#endif

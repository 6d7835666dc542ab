/* SPDX-License-Identifier: BSD-2-Clause */
/* Text for people: log lines. Private to drivers/virtio. */
#ifndef VMEM_CORE_TEXT_H
#define VMEM_CORE_TEXT_H

#include "../include/vmem/format.h"
#include "defs.h"

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

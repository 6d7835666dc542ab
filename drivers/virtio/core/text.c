/* SPDX-License-Identifier: BSD-2-Clause */
/* See text.h. */
#include "text.h"

void vmem_log(enum vmem_log_level level, const char *device, const char *format, ...)
{
    char line[VMEM_LINE_BYTES];
    va_list args;

    if (!vmem_host_log_wanted(level))
        return;
    va_start(args, format);
    vmem_vformat(line, sizeof(line), format, args);
    va_end(args);
    vmem_host_log(level, device, line);
}

const char *vmem_error_name(int error)
{
    static const char *const names[] = {
        [-VMEM_OK] = "ok",           [-VMEM_E_INVAL] = "inval",
        [-VMEM_E_NOMEM] = "nomem",   [-VMEM_E_RANGE] = "range",
        [-VMEM_E_BUSY] = "busy",     [-VMEM_E_TIMEOUT] = "timeout",
        [-VMEM_E_NODEV] = "nodev",   [-VMEM_E_UNSUPPORTED] = "unsupported",
        [-VMEM_E_BROKEN] = "broken", [-VMEM_E_EXIST] = "exist",
        [-VMEM_E_AGAIN] = "again",
    };
    if (error > 0 || error < VMEM_E_AGAIN)
        return "unknown";
    return names[-error];
}

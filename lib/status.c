/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of status codes, for messages. */
#include "include/status.h"

#include "include/types.h"

const char *status_name(int status)
{
    static const char *const names[] = {
        [-OK] = "ok",           [-E_INVAL] = "inval",
        [-E_NOMEM] = "nomem",   [-E_RANGE] = "range",
        [-E_BUSY] = "busy",     [-E_TIMEOUT] = "timeout",
        [-E_NODEV] = "nodev",   [-E_UNSUPPORTED] = "unsupported",
        [-E_BROKEN] = "broken", [-E_EXIST] = "exist",
        [-E_AGAIN] = "again",
    };
    if (status > 0 || status < E_AGAIN)
        return "unknown";
    return names[-status];
}

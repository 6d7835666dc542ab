/* SPDX-License-Identifier: BSD-2-Clause */
/* See sizes.h. For commands: a size, or the error line. */
#include "extras/sizes/sizes.h"

#include "include/status.h"
#include "monitor/command_error.h"

bool monitor_parse_size(const struct command_line *line, unsigned index, u64 least, u64 *bytes)
{
    const char *word = line->arguments[index];
    int status = parse_size(word, bytes);
    if (status == OK && *bytes >= least)
        return true;
    if (status == E_RANGE)
        monitor_usage_error(line, word, "a size below 2^64 bytes");
    else if (least <= 1)
        monitor_usage_error(line, word, "a size above 0: 4096, 512K, 2M, 1G");
    else
        command_error("%s: '%s': expected a size of %lu bytes or more", line->arguments[0], word,
                      (unsigned long)least);
    return false;
}

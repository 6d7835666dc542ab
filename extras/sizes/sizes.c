/* SPDX-License-Identifier: BSD-2-Clause */
/* See sizes.h. */
#include "extras/sizes/sizes.h"

#include "include/status.h"
#include "include/units.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "monitor/command_error.h"

int parse_size(const char *text, u64 *bytes)
{
    static const char suffixes[] = "KMGT";
    const char *rest;
    u64 number;
    u64 unit = 1;
    int status = parse_digits(text, &number, &rest);
    if (status != OK)
        return status;
    if (*rest != '\0') {
        char upper = (char)(*rest & ~0x20);
        const char *suffix = upper != '\0' ? strchr(suffixes, upper) : NULL;
        if (suffix) {
            unit = KIB << (10 * (suffix - suffixes));
            rest++;
            if (rest[0] == 'i' && rest[1] == 'B')
                rest++;
        }
        if (*rest == 'B')
            rest++;
    }
    if (*rest != '\0')
        return E_INVAL;
    if (number > UINT64_MAX / unit)
        return E_RANGE;
    *bytes = number * unit;
    return OK;
}

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

/* SPDX-License-Identifier: BSD-2-Clause */
/* See sizes.h. Also part of the program that runs workloads in a Linux guest: no monitor. */
#include "extras/sizes/sizes.h"

#include "include/status.h"
#include "include/units.h"
#include "lib/parse.h"
#include "lib/string.h"

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

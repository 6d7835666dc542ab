/* SPDX-License-Identifier: BSD-2-Clause */
/* Any number, as parse_digits() may find it, before any text of up to 4
 * characters. */
#include "extras/sizes/parse_size.c"
#include "tests/proofs/kernel.h"

static char suffix[5];
static u64 digits;

int parse_digits(const char *text, u64 *number, const char **rest)
{
    PROVE(text == suffix);
    *number = digits;
    *rest = suffix;
    return nondet_bool() ? OK : E_INVAL;
}

void harness(void)
{
    static const char *const units = "KMGT";
    u64 bytes = 42;
    char any[4];
    for (unsigned i = 0; i < 4; i++)
        suffix[i] = any[i];
    digits = nondet_u64();
    unsigned shift = 0, length = 0;
    for (unsigned i = 0; i < 4; i++)
        if (suffix[0] == units[i] || suffix[0] == units[i] + ('a' - 'A'))
            shift = 10 * (i + 1), length = 1;
    if (shift != 0 && suffix[1] == 'i' && suffix[2] == 'B')
        length = 2;
    bool is_size = suffix[length] == '\0' || (suffix[length] == 'B' && suffix[length + 1] == '\0');

    int status = parse_size(suffix, &bytes);
    PROVE((status == OK) <= (is_size && digits << shift >> shift == digits));
    PROVE((status == E_RANGE) == (status != E_INVAL && digits << shift >> shift != digits));
    PROVE(bytes == (status == OK ? digits << shift : 42));
    PROVE(status == OK || status == E_INVAL || status == E_RANGE);
}

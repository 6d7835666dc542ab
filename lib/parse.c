/* SPDX-License-Identifier: BSD-2-Clause */
/* See parse.h. */
#include "lib/parse.h"

#include "include/status.h"
#include "include/units.h"
#include "lib/printf.h"
#include "lib/string.h"

unsigned parse_digit(char character)
{
    if (character >= '0' && character <= '9')
        return (unsigned)(character - '0');
    if (character >= 'a' && character <= 'f')
        return (unsigned)(character - 'a' + 10);
    if (character >= 'A' && character <= 'F')
        return (unsigned)(character - 'A' + 10);
    return 16;
}

int parse_digits(const char *text, u64 *value, const char **rest)
{
    unsigned base = 10;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    const char *first = text;
    *value = 0;
    for (unsigned digit; (digit = parse_digit(*text)) < base; text++) {
        if (*value > (UINT64_MAX - digit) / base)
            return E_RANGE;
        *value = *value * base + digit;
    }
    *rest = text;
    return text == first ? E_INVAL : OK;
}

int parse_u64(const char *text, u64 *value)
{
    const char *rest;
    u64 parsed;
    int status = parse_digits(text, &parsed, &rest);
    if (status != OK)
        return status;
    if (*rest != '\0')
        return E_INVAL;
    *value = parsed;
    return OK;
}

const char *format_size(u64 bytes, char *buffer, size_t buffer_bytes)
{
    static const char suffixes[] = "TGMK";
    u64 unit = TIB;
    for (const char *suffix = suffixes; *suffix != '\0'; suffix++, unit /= KIB) {
        if (bytes != 0 && bytes % unit == 0) {
            snprintf(buffer, buffer_bytes, "%lu%c", (unsigned long)(bytes / unit), *suffix);
            return buffer;
        }
    }
    snprintf(buffer, buffer_bytes, "%lu", (unsigned long)bytes);
    return buffer;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Any text of up to 7 characters: a number is the one that its digits say, or refused. */
#include "lib/parse.c"
#include "tests/proofs/kernel.h"

#define TEXT_BYTES 8

void harness(void)
{
    char text[TEXT_BYTES];
    text[TEXT_BYTES - 1] = '\0';
    u64 value = 42, sum = 0;
    bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    bool is_number = true;
    unsigned length = 0;
    for (unsigned i = is_hex ? 2 : 0; i < TEXT_BYTES && text[i] != '\0'; i++, length++) {
        bool is_decimal = text[i] >= '0' && text[i] <= '9';
        char lower = (char)(text[i] | 0x20);
        is_number = is_number && (is_decimal || (is_hex && lower >= 'a' && lower <= 'f'));
        sum = sum * (is_hex ? 16 : 10) + (u64)(is_decimal ? text[i] - '0' : lower - 'a' + 10);
    }
    is_number = is_number && length != 0;

    int status = parse_u64(text, &value);
    PROVE(status == (is_number ? OK : E_INVAL));
    PROVE(value == (is_number ? sum : 42));
}

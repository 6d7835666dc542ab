/* SPDX-License-Identifier: BSD-2-Clause */
/* See symbols.h. */
#include "arch/x86_64/symbols.h"

#include "arch/x86_64/image.h"
#include "lib/printf.h"

struct symbol {
    u32 address; /* the kernel lies below 4 GiB */
    u32 name;    /* offset in symbol_names */
};

/* Sorted by address; the first link has none, which is why they are weak. */
extern const struct symbol symbol_table[] __attribute__((weak));
extern const struct symbol symbol_table_end[] __attribute__((weak));
extern const char symbol_names[] __attribute__((weak));

const char *symbol_lookup(u64 address, u64 *offset)
{
    size_t low = 0;
    size_t high = (size_t)(symbol_table_end - symbol_table);

    if (high == 0 || !image_has_text(address))
        return NULL;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (symbol_table[middle].address <= address)
            low = middle;
        else
            high = middle;
    }
    *offset = address - symbol_table[low].address;
    return symbol_names + symbol_table[low].name;
}

static const char *format_symbol(u64 address, u64 after, char text[SYMBOL_TEXT_BYTES])
{
    u64 offset;
    const char *name = symbol_lookup(address, &offset);

    if (name == NULL)
        return "?";
    snprintf(text, SYMBOL_TEXT_BYTES, "%s+0x%llx", name, (unsigned long long)(offset + after));
    return text;
}

const char *symbol_text(u64 address, char text[SYMBOL_TEXT_BYTES])
{
    return format_symbol(address, 0, text);
}

const char *symbol_text_of_caller(u64 return_address, char text[SYMBOL_TEXT_BYTES])
{
    return format_symbol(return_address - 1, 1, text);
}

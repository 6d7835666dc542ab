/* SPDX-License-Identifier: BSD-2-Clause */
/* See backtrace.h: the call stack. */
#include "arch/x86_64/image.h"
#include "asm/cpu.h"
#include "extras/backtrace/backtrace.h"
#include "include/platform.h"
#include "lib/console.h"
#include "lib/printf.h"

#define BACKTRACE_MAX 32

static const char *format_symbol(u64 address, u64 after, char text[SYMBOL_TEXT_BYTES])
{
    u64 offset;
    const char *name = symbol_lookup(address, &offset);

    if (name == NULL)
        return "";
    snprintf(text, SYMBOL_TEXT_BYTES, " %s+0x%llx", name, (unsigned long long)(offset + after));
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

/* A frame: the caller's frame pointer, then the return address, both in one stack. */
static bool is_frame(u64 pointer)
{
    struct stack stack;

    return pointer % 8 == 0 && stack_find(pointer, &stack) != NULL &&
           !stack_has_guard(&stack, pointer) && pointer + 16 <= stack.top;
}

/* The return addresses above a frame pointer, innermost first; how many there were, up to max. */
static unsigned collect(u64 frame_pointer, u64 *addresses, unsigned max)
{
    unsigned nr = 0;

    while (nr < max && is_frame(frame_pointer)) {
        const u64 *frame = phys_to_virt(frame_pointer);

        if (!image_has_text(frame[1]))
            break;
        addresses[nr++] = frame[1];
        /* The frames of callers lie at higher addresses; anything else might be a loop. */
        if (frame[0] <= frame_pointer)
            break;
        frame_pointer = frame[0];
    }
    return nr;
}

void backtrace_print(u64 frame_pointer, unsigned first)
{
    u64 addresses[BACKTRACE_MAX];
    unsigned nr = collect(frame_pointer, addresses, BACKTRACE_MAX);
    char text[SYMBOL_TEXT_BYTES];

    for (unsigned i = 0; i < nr; i++)
        console_printf("  #%u 0x%llx%s\n", first + i, (unsigned long long)addresses[i],
                       symbol_text_of_caller(addresses[i], text));
}

void backtrace_print_here(void)
{
    console_printf("callers, on cpu %u:\n", cpu_id());
    backtrace_print((uintptr_t)__builtin_frame_address(0), 0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See backtrace.h: the call stack, without frame pointers. The compiler has said where each
 * function's frame begins, instruction by instruction; link.mk makes a table of it.
 */
#include "arch/x86_64/image.h"
#include "arch/x86_64/traps.h"
#include "asm/cpu.h"
#include "extras/backtrace/backtrace.h"
#include "include/platform.h"
#include "lib/console.h"
#include "lib/printf.h"
#include "lib/string.h"

#define BACKTRACE_MAX 32

/* From an address on: where the frame ends, just above the return address, and where rbp is. */
struct unwind_row {
    u32 address; /* the kernel lies below 4 GiB */
    u16 bytes;   /* from the base up to the end */
    u8 base;     /* enum unwind_base */
    u8 rbp_at;   /* so many words below the end, or 0: rbp is still the caller's */
};

enum unwind_base { BASE_UNKNOWN, BASE_RSP, BASE_RBP };

/* Sorted by address; the first link has none, which is why they are weak. */
extern const struct unwind_row unwind_table[] __attribute__((weak));
extern const struct unwind_row unwind_table_end[] __attribute__((weak));

const char *place_text(const struct place *place, char text[SYMBOL_TEXT_BYTES])
{
    u64 offset;
    const char *name = symbol_lookup(place->rip - place->is_caller, &offset);

    if (name == NULL)
        return "";
    snprintf(text, SYMBOL_TEXT_BYTES, " %s+0x%llx", name,
             (unsigned long long)(offset + place->is_caller));
    return text;
}

/* An address without code was called: nothing has been pushed since. */
static struct unwind_row row_at(u64 address)
{
    size_t nr = (size_t)(unwind_table_end - unwind_table);

    if (!image_has_text(address) || nr == 0)
        return (struct unwind_row){.base = BASE_RSP, .bytes = 8};
    return unwind_table[address_find(&unwind_table->address, nr, sizeof(*unwind_table), address)];
}

/* Read `bytes` at an address, in words; only of a stack, and not of its guard page. */
static bool read_stack(u64 address, void *words, u64 bytes)
{
    struct stack stack;

    if (address % 8 != 0 || stack_find(address, &stack) == NULL ||
        stack_has_guard(&stack, address) || bytes > stack.top - address)
        return false;
    memcpy(words, phys_to_virt(address), bytes);
    return true;
}

/* What was interrupted by a trap, whose frame its entry has pushed. */
static bool find_interrupted(struct place *place)
{
    struct trap_frame frame;

    if (!read_stack(place->rsp, &frame, sizeof(frame)))
        return false;
    *place = (struct place){.rip = frame.rip, .rsp = frame.rsp, .rbp = frame.rbp};
    return true;
}

/* Go on to the caller; false at the outermost function, and where the stack makes no sense. */
static bool find_caller(struct place *place)
{
    if (place->rip == (uintptr_t)trap_return)
        return find_interrupted(place);

    struct unwind_row row = row_at(place->rip - place->is_caller);
    u64 end = (row.base == BASE_RBP ? place->rbp : place->rsp) + row.bytes;
    if (row.base == BASE_UNKNOWN || end <= place->rsp || !read_stack(end - 8, &place->rip, 8))
        return false;
    if (row.rbp_at != 0 && !read_stack(end - 8ull * row.rbp_at, &place->rbp, 8))
        return false;
    place->rsp = end;
    place->is_caller = true;
    return image_has_text(place->rip);
}

void backtrace_print(struct place place)
{
    char text[SYMBOL_TEXT_BYTES];

    for (unsigned i = 0; i < BACKTRACE_MAX; i++) {
        console_printf("  #%u 0x%llx%s\n", i, (unsigned long long)place.rip,
                       place_text(&place, text));
        if (!find_caller(&place))
            break;
    }
}

void backtrace_print_here(void)
{
    struct place place = {0};

    __asm__ volatile("leaq 0(%%rip), %0\n\tmovq %%rsp, %1\n\tmovq %%rbp, %2"
                     : "=r"(place.rip), "=r"(place.rsp), "=r"(place.rbp));
    console_printf("callers, on cpu %u:\n", cpu_id());
    if (find_caller(&place))
        backtrace_print(place);
}

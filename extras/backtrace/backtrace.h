/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a trap report says beyond one line. address.c knows names and places, callers.c the call
 * stack, trap_report.c puts them together. Nothing here allocates or waits.
 */
#ifndef TIDE_EXTRAS_BACKTRACE_H
#define TIDE_EXTRAS_BACKTRACE_H

#include "arch/x86_64/stacks.h"
#include "include/types.h"

#define SYMBOL_TEXT_BYTES 80

/* ---- address.c ---- */

/*
 * The last row of a table at or below an address, or row 0. The rows, of so many bytes each, are
 * sorted by an address in them; `first` is that of row 0.
 */
size_t address_find(const u32 *first, size_t nr, size_t bytes, u64 address);

/* The function of the kernel that holds an address, and how far into it, or NULL. */
const char *symbol_lookup(u64 address, u64 *offset);

/* What lies at an address; where it is no constant, written to text. It is not touched. */
const char *describe_address(u64 address, char *text, size_t bytes);

/* The stack of which this is a usable byte, or in whose guard page it lies; its name, or NULL. */
const char *stack_find(u64 address, struct stack *stack);

static inline bool stack_has_guard(const struct stack *stack, u64 address)
{
    return address >= stack->guard && address < stack->guard + PAGE_BYTES;
}

/* ---- callers.c: by what the compiler says of the stack at each instruction ---- */

/* Where a function is: what its frame, and from that its caller, can be found by. */
struct place {
    u64 rip;
    u64 rsp;
    u64 rbp;
    bool is_caller; /* rip is what a call returns to; else it comes next itself */
};

/*
 * " name+0x12", with the blank, or "". Of a caller the call before rip decides the name, because
 * a call that never returns may be the last instruction of its function.
 */
const char *place_text(const struct place *place, char text[SYMBOL_TEXT_BYTES]);

/* Print a line for the place and one for each of its callers, "  #N 0xADDRESS name+0xOFFSET". */
void backtrace_print(struct place place);

/* The hook of struct extra: the callers of the function that calls it. */
void backtrace_print_here(void);

#endif

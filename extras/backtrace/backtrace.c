/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For a trap report: the names of the kernel's functions, and what lies at a faulting address.
 *
 * The table of names is made from the image itself: linked once without it, listed by
 * nm, turned into assembly by symbols.awk, linked again (link.mk).
 */
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/image.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/stacks.h"
#include "arch/x86_64/traps.h"
#include "include/extra.h"
#include "include/platform.h"
#include "kernel/devices.h"
#include "lib/console.h"
#include "lib/printf.h"

#define VECTOR_PROTECTION 13

/* ---- names ---- */

struct symbol {
    u32 address; /* the kernel lies below 4 GiB */
    u32 name;    /* offset in symbol_names */
};

/* Sorted by address; the first link has none, which is why they are weak. */
extern const struct symbol symbol_table[] __attribute__((weak));
extern const struct symbol symbol_table_end[] __attribute__((weak));
extern const char symbol_names[] __attribute__((weak));

static const char *find_symbol(u64 address, u64 *offset)
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

/* ---- addresses ---- */

static const char *describe(u64 address, char *text, size_t bytes)
{
    struct stack stack;

    if (address < PAGE_BYTES)
        return "page 0 (null pointer)";
    if (stack_find(address, &stack)) {
        snprintf(text, bytes, "%s%s", stack_has_guard(&stack, address) ? "guard page of the " : "",
                 stack.name);
        return text;
    }
    if (image_has_text(address))
        return "kernel text (read-only)";
    if (address >= (uintptr_t)image_text_end && address < (uintptr_t)image_data_start)
        return "kernel constants (read-only, no-execute)";
    if (address >= (uintptr_t)image_data_start && address < (uintptr_t)image_end)
        return "kernel data (no-execute)";
    for_each_extra (extra) {
        if (extra->describe_address != NULL && extra->describe_address(address, text, bytes))
            return text;
    }
    if (devices_describe_address(address, text, bytes))
        return text;
    if (paging_is_mapped(address))
        return "mapped memory";
    return address < platform_paddr_limit() ? "nothing is mapped there"
                                            : "beyond what the kernel can address";
}

static void print_page_fault(const struct trap_frame *frame)
{
    char text[128];
    u64 address = cr2_read();
    u64 error = frame->error_code;
    const char *access = (error & FAULT_FETCH) != 0   ? "instruction fetch from"
                         : (error & FAULT_WRITE) != 0 ? "write to"
                                                      : "read from";
    const char *cause = (error & FAULT_RESERVED) != 0  ? "reserved bit set in a page table"
                        : (error & FAULT_PRESENT) == 0 ? "page not present"
                        : (error & FAULT_FETCH) != 0   ? "page is no-execute"
                        : (error & FAULT_WRITE) != 0   ? "page is read-only"
                                                       : "page is protected";

    console_printf("trap: %s 0x%016llx: %s: %s\n", access, (unsigned long long)address, cause,
                   describe(address, text, sizeof(text)));
}

static void explain_trap(const struct trap_frame *frame)
{
    if (frame->vector == VECTOR_PAGE_FAULT)
        print_page_fault(frame);
    else if (frame->vector == VECTOR_PROTECTION && frame->error_code != 0)
        console_printf("trap: selector 0x%llx\n", (unsigned long long)frame->error_code & 0xfff8);
}

EXTRA(backtrace) = {
    .name = "backtrace",
    .symbol_lookup = find_symbol,
    .explain_trap = explain_trap,
};

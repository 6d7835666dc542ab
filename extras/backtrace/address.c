/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See backtrace.h: the names of the kernel's functions, and what lies at an address.
 *
 * The table of names is made from the image itself: linked once without it, listed by
 * nm, turned into assembly by symbols.awk, linked again (link.mk).
 */
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/image.h"
#include "arch/x86_64/page_tables.h"
#include "arch/x86_64/paging.h"
#include "extras/backtrace/backtrace.h"
#include "include/extra.h"
#include "include/platform.h"
#include "kernel/devices.h"
#include "lib/printf.h"

#define UPPER_HALF ((u64)~0 << 47) /* what is not identity mapped */

/* ---- names ---- */

struct symbol {
    u32 address; /* the kernel lies below 4 GiB */
    u32 name;    /* offset in symbol_names */
};

/* Sorted by address; the first link has none, which is why they are weak. */
extern const struct symbol symbol_table[] __attribute__((weak));
extern const struct symbol symbol_table_end[] __attribute__((weak));
extern const char symbol_names[] __attribute__((weak));

size_t address_find(const u32 *first, size_t nr, size_t bytes, u64 address)
{
    size_t low = 0;
    size_t high = nr;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (*(const u32 *)((const u8 *)first + middle * bytes) <= address)
            low = middle;
        else
            high = middle;
    }
    return low;
}

const char *symbol_lookup(u64 address, u64 *offset)
{
    size_t nr = (size_t)(symbol_table_end - symbol_table);

    if (nr == 0 || !image_has_text(address))
        return NULL;
    const struct symbol *found =
        &symbol_table[address_find(&symbol_table->address, nr, sizeof(*symbol_table), address)];
    *offset = address - found->address;
    return symbol_names + found->name;
}

/* ---- addresses ---- */

const char *stack_find(u64 address, struct stack *stack)
{
    static const char *const names[STACKS_EACH] = {
        [0] = "kernel stack",
        [TRAP_STACK_DOUBLE_FAULT] = "double fault stack",
        [TRAP_STACK_NMI] = "NMI stack",
        [TRAP_STACK_MACHINE_CHECK] = "machine check stack",
        [TRAP_STACK_PAGE_FAULT] = "page fault stack",
    };

    for (unsigned i = 0; stack_at(i, stack); i++)
        if (address >= stack->guard && address < stack->top)
            return names[i % STACKS_EACH];
    return NULL;
}

/* An access to the address would find a page. */
static bool is_mapped(u64 address)
{
    const struct page_tables *tables = paging_tables();
    bool has_tables = address < platform_paddr_limit() || address >= UPPER_HALF;

    return tables->root != 0 && has_tables && page_tables_query(tables, address).present;
}

const char *describe_address(u64 address, char *text, size_t bytes)
{
    struct stack stack;
    const char *stack_name = stack_find(address, &stack);

    if (address < PAGE_BYTES)
        return "page 0 (null pointer)";
    if (stack_name != NULL) {
        snprintf(text, bytes, "%s%s", stack_has_guard(&stack, address) ? "guard page of the " : "",
                 stack_name);
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
    const struct vmem_device *vmem;
    for (unsigned i = 0; (vmem = devices_at(i)) != NULL; i++) {
        if (vmem_describe_address(vmem, address, text, bytes))
            return text;
    }
    if (is_mapped(address))
        return "mapped memory";
    return address < platform_paddr_limit() ? "nothing is mapped there"
                                            : "beyond what the kernel can address";
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an exception prints: what happened and where, the registers, the callers.
 * docs/debugging.md explains it line by line.
 */
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/image.h"
#include "arch/x86_64/traps.h"
#include "extras/backtrace/backtrace.h"
#include "include/extra.h"
#include "include/platform.h"
#include "lib/console.h"

#define VECTOR_PROTECTION 13

/* Bits of a page fault's error code, beside FAULT_PRESENT. */
#define FAULT_WRITE    (1 << 1)
#define FAULT_RESERVED (1 << 3)
#define FAULT_FETCH    (1 << 4)

static const struct {
    const char *mnemonic;
    const char *name;
} exceptions[VECTOR_EXCEPTIONS] = {
    [0] = {"#DE", "divide error"},
    [1] = {"#DB", "debug exception"},
    [2] = {"NMI", "non-maskable interrupt"},
    [3] = {"#BP", "breakpoint"},
    [4] = {"#OF", "overflow"},
    [5] = {"#BR", "bound range exceeded"},
    [6] = {"#UD", "invalid opcode"},
    [7] = {"#NM", "no floating-point unit"},
    [8] = {"#DF", "double fault"},
    [10] = {"#TS", "invalid TSS"},
    [11] = {"#NP", "segment not present"},
    [12] = {"#SS", "stack segment fault"},
    [13] = {"#GP", "general protection fault"},
    [14] = {"#PF", "page fault"},
    [16] = {"#MF", "floating-point error"},
    [17] = {"#AC", "alignment check"},
    [18] = {"#MC", "machine check"},
    [19] = {"#XM", "SIMD floating-point error"},
    [20] = {"#VE", "virtualization exception"},
    [21] = {"#CP", "control protection exception"},
};

static u64 cr0_read(void)
{
    u64 value;
    __asm__ volatile("movq %%cr0, %0" : "=r"(value));
    return value;
}

static u64 cr4_read(void)
{
    u64 value;
    __asm__ volatile("movq %%cr4, %0" : "=r"(value));
    return value;
}

static void print_registers(const struct trap_frame *frame)
{
    const struct {
        const char *name;
        u64 value;
    } registers[] = {
        {"rax", frame->rax}, {"rbx", frame->rbx},    {"rcx", frame->rcx}, {"rdx", frame->rdx},
        {"rsi", frame->rsi}, {"rdi", frame->rdi},    {"rbp", frame->rbp}, {"rsp", frame->rsp},
        {"r8 ", frame->r8},  {"r9 ", frame->r9},     {"r10", frame->r10}, {"r11", frame->r11},
        {"r12", frame->r12}, {"r13", frame->r13},    {"r14", frame->r14}, {"r15", frame->r15},
        {"rip", frame->rip}, {"rfl", frame->rflags}, {"cs ", frame->cs},  {"ss ", frame->ss},
        {"cr0", cr0_read()}, {"cr2", cr2_read()},    {"cr3", cr3_read()}, {"cr4", cr4_read()},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(registers); i++)
        console_printf("%s%s %016llx%s", i % 4 == 0 ? "  " : " ", registers[i].name,
                       (unsigned long long)registers[i].value, i % 4 == 3 ? "\n" : "");
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
                   describe_address(address, text, sizeof(text)));
}

static void explain_trap(const struct trap_frame *frame)
{
    if (frame->vector == VECTOR_PAGE_FAULT)
        print_page_fault(frame);
    else if (frame->vector == VECTOR_PROTECTION && frame->error_code != 0)
        console_printf("trap: selector 0x%llx\n", (unsigned long long)frame->error_code & 0xfff8);
}

static void report_trap(const struct trap_frame *frame)
{
    struct place place = {.rip = frame->rip, .rsp = frame->rsp, .rbp = frame->rbp};
    char text[SYMBOL_TEXT_BYTES];
    const char *mnemonic = exceptions[frame->vector].mnemonic;
    const char *name = exceptions[frame->vector].name;

    console_printf("trap: %s (%s, vector %llu, error code 0x%llx) at 0x%llx%s on cpu %u\n",
                   name != NULL ? name : "reserved exception", mnemonic != NULL ? mnemonic : "-",
                   (unsigned long long)frame->vector, (unsigned long long)frame->error_code,
                   (unsigned long long)frame->rip, place_text(&place, text), cpu_id());
    explain_trap(frame);
    print_registers(frame);
    console_printf("callers:\n");
    backtrace_print(place);
}

EXTRA(backtrace) = {
    .name = "backtrace",
    .report_trap = report_trap,
    .print_callers = backtrace_print_here,
};

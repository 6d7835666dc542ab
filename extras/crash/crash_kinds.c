/* SPDX-License-Identifier: BSD-2-Clause */
/* Crashes on purpose, one for each protection, so that tests can see it hold. */
#include "extras/crash/crash_kinds.h"

#include "arch/x86_64/image.h"
#include "include/platform.h"
#include "include/status.h"
#include "lib/parse.h"
#include "lib/string.h"

/* So that a backtrace names the kind. */
#define never_inline __attribute__((noinline))

static never_inline void read_page0(void)
{
    paddr_t paddr = 0;

    /* The compiler may not know that this is a null pointer. */
    __asm__("" : "+r"(paddr));
    (void)*(volatile u8 *)phys_to_virt(paddr);
}

static never_inline void write_text(void)
{
    *(volatile u8 *)phys_to_virt(virt_to_phys(image_start)) = 0;
}

static never_inline void write_rodata(void)
{
    *(volatile u8 *)phys_to_virt(virt_to_phys(image_text_end)) = 0;
}

static never_inline void execute_data(void)
{
    static volatile u8 code[1];
    void (*function)(void) = (void (*)(void))(uintptr_t)code;

    code[0] = 0xc3; /* ret */
    function();
}

/* Not a tail call: each level keeps a frame, and the compiler does not see the end. */
static u64 recurse(volatile u64 depth)
{
    return depth == ~(u64)0 ? 0 : recurse(depth + 1) + depth;
}

static never_inline void overflow_stack(void)
{
    recurse(0);
}

static never_inline void invalid_opcode(void)
{
    __asm__ volatile("ud2");
}

static never_inline void divide_by_zero(void)
{
    u32 zero = 0;

    __asm__ volatile("divl %0" ::"r"(zero), "a"(1), "d"(0));
}

static never_inline void general_protection(void)
{
    /* An address that is not sign-extended. */
    u64 address = (u64)1 << 62;

    __asm__ volatile("movb (%0), %%al" ::"r"(address) : "rax");
}

static const struct {
    const char *name;
    void (*crash)(void);
} kinds[] = {
    {"page0", read_page0},       {"text-write", write_text},         {"rodata-write", write_rodata},
    {"data-exec", execute_data}, {"stack", overflow_stack},          {"ud2", invalid_opcode},
    {"divide", divide_by_zero},  {"protection", general_protection},
};

bool arch_crash(const char *kind)
{
    u64 address;

    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
        if (strcmp(kinds[i].name, kind) == 0)
            kinds[i].crash();
    if (parse_u64(kind, &address) == OK)
        (void)*(volatile u8 *)phys_to_virt(address);
    return false;
}

const char *arch_crash_kinds(void)
{
    return "page0 text-write rodata-write data-exec stack ud2 divide protection ADDRESS";
}

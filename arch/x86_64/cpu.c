/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each processor needs before it can do anything: its descriptor
 * tables, its task state with the trap stacks, and gs pointing at its number.
 */
#include "arch/x86_64/cpu.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/stacks.h"
#include "arch/x86_64/timer.h"
#include "arch/x86_64/traps.h"
#include "asm/cpu.h"

#define MSR_GS_BASE 0xc0000101

#define DESCRIPTOR_CODE_64  0x00209b0000000000 /* present, ring 0, read and execute, long mode */
#define DESCRIPTOR_DATA     0x0000930000000000 /* present, ring 0, read and write */
#define DESCRIPTOR_TSS_TYPE 0x89               /* present, 64-bit TSS, available */

struct task_state {
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 ist[7];
    u64 reserved2;
    u16 reserved3;
    u16 io_map_offset;
} packed_abi;

_Static_assert(sizeof(struct task_state) == 104, "the processor's layout");

/* gs points here. Written by the processor that owns it. */
struct cpu {
    u32 id;      /* first: cpu_id() reads gs:0 */
    void *local; /* second: cpu_local() reads gs:8 */
    u64 descriptors[5];
    struct task_state task;
};

struct descriptor_pointer {
    u16 limit;
    u64 base;
} packed_abi;

static struct cpu cpus[CPUS_MAX];

not_cleared struct cpu_local cpu_locals[CPUS_MAX];

struct cpuid_result cpuid(u32 leaf)
{
    struct cpuid_result result;

    __asm__ volatile("cpuid"
                     : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
                     : "a"(leaf & 0x80000000), "c"(0));
    if (result.eax < leaf)
        return (struct cpuid_result){0};
    __asm__ volatile("cpuid"
                     : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
                     : "a"(leaf), "c"(0));
    return result;
}

static void fill_descriptors(struct cpu *cpu)
{
    u64 base = (uintptr_t)&cpu->task;

    cpu->descriptors[0] = 0;
    cpu->descriptors[SELECTOR_CODE / 8] = DESCRIPTOR_CODE_64;
    cpu->descriptors[SELECTOR_DATA / 8] = DESCRIPTOR_DATA;
    cpu->descriptors[SELECTOR_TSS / 8] = (sizeof(cpu->task) - 1) | (base & 0xffffff) << 16 |
                                         (u64)DESCRIPTOR_TSS_TYPE << 40 | (base >> 24 & 0xff) << 56;
    cpu->descriptors[SELECTOR_TSS / 8 + 1] = base >> 32;
}

static void load_descriptors(const struct cpu *cpu)
{
    struct descriptor_pointer pointer = {.limit = sizeof(cpu->descriptors) - 1,
                                         .base = (uintptr_t)cpu->descriptors};

    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movl %2, %%ss\n\t"
                     "ltr %w3"
                     :
                     : "m"(pointer), "i"(SELECTOR_CODE), "r"(SELECTOR_DATA), "r"(SELECTOR_TSS)
                     : "rax", "memory");
}

void cpu_setup(u32 id)
{
    struct cpu *cpu = &cpus[id];

    cpu->id = id;
    cpu->local = cpu_local_of(id);
    for (unsigned i = 1; i <= TRAP_STACKS; i++)
        cpu->task.ist[i - 1] = stack_trap_top(id, i);
    cpu->task.io_map_offset = sizeof(cpu->task);
    fill_descriptors(cpu);
    load_descriptors(cpu);
    msr_write(MSR_GS_BASE, (uintptr_t)cpu);
    traps_load();
}

void cpu_init(void)
{
    traps_init();
    cpu_setup(0);
}

void cpu_halt_forever(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}

void cpu_idle(bool (*work_pending)(void))
{
    __asm__ volatile("cli" ::: "memory");
    if (work_pending()) {
        interrupts_enable();
        return;
    }
    /* sti takes effect after the next instruction: no interrupt comes between it and hlt. */
    __asm__ volatile("sti; hlt" ::: "memory");
}

void interrupts_enable(void)
{
    __asm__ volatile("sti" ::: "memory");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See traps.h. One kind of exception is resumed: a page fault on a page that an extra brings back.
 * Every other one is the end.
 */
#include "arch/x86_64/traps.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/smp/cpus.h"
#include "include/extra.h"
#include "include/platform.h"
#include "lib/console.h"

#define TRAP_VECTORS   256
#define STUB_BYTES     16
#define GATE_INTERRUPT 0x8e /* present, ring 0, interrupts off on entry */

struct gate {
    u16 offset_low;
    u16 selector;
    u8 stack; /* enum trap_stack, or 0 */
    u8 type;
    u16 offset_middle;
    u32 offset_high;
    u32 reserved;
};

_Static_assert(sizeof(struct gate) == 16, "the processor's layout");

extern const u8 trap_stubs[]; /* trap_entry.S */

static struct gate gates[TRAP_VECTORS];

static void set_gate(unsigned vector)
{
    u64 stub = (uintptr_t)trap_stubs + vector * STUB_BYTES;

    gates[vector] = (struct gate){
        .offset_low = (u16)stub,
        .selector = SELECTOR_CODE,
        .type = GATE_INTERRUPT,
        .offset_middle = (u16)(stub >> 16),
        .offset_high = (u32)(stub >> 32),
    };
}

void traps_load(void)
{
    struct {
        u16 limit;
        u64 base;
    } packed_abi pointer = {.limit = sizeof(gates) - 1, .base = (uintptr_t)gates};

    __asm__ volatile("lidt %0" ::"m"(pointer));
}

void traps_init(void)
{
    for (unsigned vector = 0; vector < TRAP_VECTORS; vector++)
        set_gate(vector);
    gates[VECTOR_NMI].stack = TRAP_STACK_NMI;
    gates[8].stack = TRAP_STACK_DOUBLE_FAULT;
    gates[VECTOR_PAGE_FAULT].stack = TRAP_STACK_PAGE_FAULT;
    gates[18].stack = TRAP_STACK_MACHINE_CHECK;
}

static bool is_resumed(const struct trap_frame *frame)
{
    if (frame->vector != VECTOR_PAGE_FAULT || (frame->error_code & FAULT_PRESENT) != 0)
        return false;
    for_each_extra (extra) {
        if (extra->wait_for_page != NULL && extra->wait_for_page(cr2_read()))
            return true;
    }
    return false;
}

/* In one line, or as an extra does. A fault inside prints another line, and one in that nothing, so
 * that it ends. */
_Noreturn static void trap_report(const struct trap_frame *frame)
{
    static unsigned reports;
    bool is_told = false;

    platform_stop_others();
    if (reports++ == 0) {
        console_answer(NULL);
        console_fresh_line();
        for_each_extra (extra) {
            is_told |= extra->report_trap != NULL;
            if (extra->report_trap != NULL)
                extra->report_trap(frame);
        }
    }
    if (!is_told && reports <= 2)
        console_printf("%strap: vector %llu at 0x%llx%s, cr2 0x%llx\n", reports == 2 ? "\n" : "",
                       (unsigned long long)frame->vector, (unsigned long long)frame->rip,
                       reports == 2 ? " inside the trap report" : "",
                       (unsigned long long)cr2_read());
    platform_exit(EXIT_TRAP);
}

void trap_dispatch(struct trap_frame *frame)
{
    if (frame->vector == VECTOR_NMI)
        cpus_stop_if_asked();
    if (is_resumed(frame))
        return;
    if (frame->vector < VECTOR_EXCEPTIONS)
        trap_report(frame);
    if (frame->vector == VECTOR_WAKE || frame->vector == VECTOR_FLUSH)
        cpus_interrupt((unsigned)frame->vector);
    else
        interrupt_dispatch((unsigned)frame->vector);
}

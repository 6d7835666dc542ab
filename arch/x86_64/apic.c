/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC, for message-signalled interrupts. Lines keep coming from the
 * 8259, which it passes through ("virtual wire").
 */
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/interrupts.h"
#include "arch/x86_64/traps.h"
#include "asm/mmio.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"

#define CPUID_APIC        (1 << 9) /* leaf 1, edx */
#define MSR_APIC_BASE     0x1b
#define APIC_BASE_ENABLED (1 << 11)
#define APIC_BASE_X2APIC  (1 << 10)
#define APIC_BASE_ADDRESS 0x000ffffffffff000

#define REGISTER_ID       0x020
#define REGISTER_PRIORITY 0x080
#define REGISTER_END      0x0b0
#define REGISTER_SPURIOUS 0x0f0
#define REGISTER_LINT0    0x350
#define REGISTER_LINT1    0x360

#define SPURIOUS_ENABLE 0x100
#define DELIVER_EXTINT  0x700 /* the 8259 gives the vector */
#define DELIVER_NMI     0x400

#define MESSAGE_ADDRESS 0xfee00000

static volatile u8 *registers;

bool apic_init(void)
{
    volatile void *mapped;

    if ((cpuid(1).edx & CPUID_APIC) == 0)
        return false;
    u64 base = msr_read(MSR_APIC_BASE);
    if ((base & APIC_BASE_ENABLED) == 0 || (base & APIC_BASE_X2APIC) != 0)
        return false;
    if (platform_map_mmio(base & APIC_BASE_ADDRESS, PAGE_BYTES, &mapped) != OK)
        return false;
    registers = mapped;
    mmio_write32(registers + REGISTER_PRIORITY, 0);
    mmio_write32(registers + REGISTER_LINT0, DELIVER_EXTINT);
    mmio_write32(registers + REGISTER_LINT1, DELIVER_NMI);
    mmio_write32(registers + REGISTER_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    return true;
}

u64 apic_message_address(void)
{
    return MESSAGE_ADDRESS | (mmio_read32(registers + REGISTER_ID) >> 24) << 12;
}

void apic_end(void)
{
    mmio_write32(registers + REGISTER_END, 0);
}

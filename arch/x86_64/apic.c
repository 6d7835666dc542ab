/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC, for messages between processors and from devices. Lines come from the 8259, whose
 * output the boot processor's local APIC passes through ("virtual wire").
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

#define REGISTER_PRIORITY 0x080
#define REGISTER_END      0x0b0
#define REGISTER_SPURIOUS 0x0f0
#define REGISTER_COMMAND  0x300
#define REGISTER_TARGET   0x310
#define REGISTER_LINT0    0x350
#define REGISTER_LINT1    0x360

#define SPURIOUS_ENABLE 0x100
#define DELIVER_EXTINT  0x700 /* the 8259 gives the vector */
#define DELIVER_NMI     0x400
#define DELIVER_INIT    0x500
#define DELIVER_START   0x600
#define COMMAND_ASSERT  0x4000
#define COMMAND_PENDING 0x1000
#define LINE_MASKED     0x10000
#define PENDING_READS   100000 /* far more than a message takes to leave */

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

bool apic_is_usable(void)
{
    return registers != NULL;
}

void apic_init_other(void)
{
    mmio_write32(registers + REGISTER_PRIORITY, 0);
    mmio_write32(registers + REGISTER_LINT0, LINE_MASKED);
    mmio_write32(registers + REGISTER_LINT1, LINE_MASKED);
    mmio_write32(registers + REGISTER_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
}

static void send(u8 to, u32 command)
{
    u64 flags = irq_save();

    for (unsigned i = 0; i < PENDING_READS; i++) {
        if ((mmio_read32(registers + REGISTER_COMMAND) & COMMAND_PENDING) == 0)
            break;
        cpu_relax();
    }
    mmio_write32(registers + REGISTER_TARGET, (u32)to << 24);
    mmio_write32(registers + REGISTER_COMMAND, command | COMMAND_ASSERT);
    irq_restore(flags);
}

void apic_send_init(u8 to)
{
    send(to, DELIVER_INIT);
}

void apic_send_start(u8 to, paddr_t page)
{
    send(to, DELIVER_START | (u32)(page >> PAGE_SHIFT));
}

void apic_send_nmi(u8 to)
{
    send(to, DELIVER_NMI);
}

void apic_send(u8 to, unsigned vector)
{
    send(to, vector);
}

void apic_end(void)
{
    mmio_write32(registers + REGISTER_END, 0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* See msix.h: the boot processor's local APIC takes all messages. */
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/interrupts.h"
#include "arch/x86_64/traps.h"
#include "asm/cpu.h"
#include "extras/msix/msix.h"
#include "include/status.h"

#define MESSAGE_ADDRESS 0xfee00000

/* Changed with interrupts off; read by the interrupt. */
static struct {
    irq_handler_t function; /* NULL: free */
    void *context;
} handlers[VECTOR_MESSAGE_COUNT];

/* One may be on its way when its handler goes. */
static void call_handler(unsigned index)
{
    if (handlers[index].function != NULL)
        handlers[index].function(handlers[index].context);
}

int irq_attach_message(irq_handler_t function, void *context, struct irq_message *message)
{
    if (!apic_is_usable())
        return E_UNSUPPORTED;
    for (u32 i = 0; i < VECTOR_MESSAGE_COUNT; i++) {
        if (handlers[i].function != NULL)
            continue;
        u64 flags = irq_save();
        handlers[i].context = context;
        handlers[i].function = function;
        interrupts_take_messages(call_handler);
        irq_restore(flags);
        message->address = MESSAGE_ADDRESS | (u64)(cpuid(1).ebx >> 24) << 12;
        message->data = VECTOR_MESSAGE + i;
        return OK;
    }
    return E_NOMEM;
}

void irq_detach_message(const struct irq_message *message)
{
    u32 i = message->data - VECTOR_MESSAGE;

    if (i < VECTOR_MESSAGE_COUNT)
        handlers[i].function = NULL;
}

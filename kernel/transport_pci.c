/* SPDX-License-Identifier: BSD-2-Clause */
/* See transports.h: PCI functions, and the host functions of drivers/virtio/include/vmem/pci.h, to
 * which a function is a struct pci_device. */
#include "drivers/pci/msix.h"
#include "drivers/pci/pci_spec.h"
#include "drivers/virtio/include/vmem/pci.h"
#include "include/platform.h"
#include "include/status.h"
#include "kernel/transports.h"
#include "lib/panic.h"
#include "lib/printf.h"

#define FUNCTIONS_MAX 16 /* with interrupts */
#define VECTORS       2
#define LINE          VECTORS /* of irqs[] */

/* The interrupts that are attached, by function. */
static struct function {
    struct pci_device *pci; /* NULL: free */
    struct pci_msix msix;
    struct irq {
        struct function *function;
        vmem_irq_handler_t handler; /* NULL: not attached */
        void *context;
        struct irq_message message;
    } irqs[VECTORS + 1];
} functions[FUNCTIONS_MAX];

/* ---- config space and BARs ---- */

uint32_t vmem_host_pci_read(void *function, uint16_t offset, unsigned bytes)
{
    if (bytes == 1)
        return pci_read8(function, offset);
    return bytes == 2 ? pci_read16(function, offset) : pci_read32(function, offset);
}

void vmem_host_pci_write(void *function, uint16_t offset, unsigned bytes, uint32_t value)
{
    ASSERT(bytes == 2); /* the command register is all that the library writes */
    pci_write16(function, offset, (u16)value);
}

int vmem_host_pci_map(void *function, unsigned bar, uint64_t offset, size_t bytes,
                      volatile void **registers)
{
    return pci_map_bar(function, bar, offset, bytes, registers);
}

/* A register page stays mapped: it is no memory, and the next map finds it. */
void vmem_host_pci_unmap(void *function, volatile void *registers, size_t bytes)
{
    (void)function;
    (void)registers;
    (void)bytes;
}

/* ---- interrupts ---- */

/* The entry of a function: its own, or a free one; NULL if there is none. */
static struct function *find(const struct pci_device *pci)
{
    struct function *found = NULL;
    for (unsigned i = 0; i < FUNCTIONS_MAX; i++) {
        if (functions[i].pci == pci)
            return &functions[i];
        if (!functions[i].pci && !found)
            found = &functions[i];
    }
    return found;
}

static bool has_vector(const struct function *function)
{
    for (unsigned i = 0; i < VECTORS; i++) {
        if (function->irqs[i].handler)
            return true;
    }
    return false;
}

static void run_vector(void *context)
{
    struct irq *irq = context;
    if (!irq->handler(irq->context))
        pci_msix_mask(&irq->function->msix, (u16)(irq - irq->function->irqs));
}

/* A line that its device does not quieten is masked by the platform. */
static void run_line(void *context)
{
    struct irq *irq = context;
    (void)irq->handler(irq->context);
}

static void set_intx(struct pci_device *pci, bool on)
{
    u16 command = pci_read16(pci, PCI_COMMAND);
    u16 wanted =
        on ? (u16)(command & ~PCI_COMMAND_INTX_DISABLE) : (u16)(command | PCI_COMMAND_INTX_DISABLE);
    if (wanted != command)
        pci_write16(pci, PCI_COMMAND, wanted);
}

static int attach_line(struct irq *irq)
{
    struct pci_device *pci = irq->function->pci;
    if (pci->interrupt_pin == 0)
        return E_UNSUPPORTED;
    int status = platform_irq_attach_line(pci->interrupt_line, run_line, irq);
    if (status == OK)
        set_intx(pci, true);
    return status;
}

static int attach_vector(struct irq *irq, u16 vector, bool is_first)
{
    struct function *function = irq->function;
    int status = is_first ? pci_msix_init(&function->msix, function->pci) : OK;
    if (status == OK && vector >= function->msix.nr_vectors)
        status = E_UNSUPPORTED;
    if (status == OK)
        status = platform_irq_attach_message(run_vector, irq, &irq->message);
    if (status != OK)
        return status;
    status = pci_msix_set(&function->msix, vector, irq->message);
    ASSERT(status == OK); /* it is in the table */
    if (is_first)
        pci_msix_enable(&function->msix, true);
    return OK;
}

static void release_if_unused(struct function *function)
{
    if (!has_vector(function) && !function->irqs[LINE].handler)
        function->pci = NULL;
}

int vmem_host_pci_irq_attach(void *pci, int vector, vmem_irq_handler_t handler, void *context)
{
    struct function *function = find(pci);
    if (!function)
        return E_NOMEM;
    bool is_first = !has_vector(function);
    struct irq *irq = &function->irqs[vector < 0 ? LINE : vector];
    function->pci = pci;
    *irq = (struct irq){.function = function, .handler = handler, .context = context};
    int status = vector < 0 ? attach_line(irq) : attach_vector(irq, (u16)vector, is_first);
    if (status != OK) {
        irq->handler = NULL;
        release_if_unused(function);
    }
    return status;
}

void vmem_host_pci_irq_detach(void *pci, int vector)
{
    struct function *function = find(pci);
    ASSERT(function && function->pci);
    struct irq *irq = &function->irqs[vector < 0 ? LINE : vector];
    if (vector < 0) {
        set_intx(pci, false);
        platform_irq_detach_line(function->pci->interrupt_line, run_line, irq);
    } else {
        pci_msix_mask(&function->msix, (u16)vector);
        platform_irq_detach_message(&irq->message);
    }
    irq->handler = NULL;
    if (vector >= 0 && !has_vector(function))
        pci_msix_enable(&function->msix, false);
    release_if_unused(function);
}

/* ---- life ---- */

u32 transport_pci_type(const struct pci_device *pci)
{
    return vmem_pci_device_type(pci->vendor_id, pci->device_id);
}

int transport_create_pci(struct pci_device *pci, struct vmem_virtio **created)
{
    char address[PCI_ADDRESS_TEXT_BYTES];
    char location[24];

    snprintf(location, sizeof(location), "pci %s", pci_address_text(pci->address, address));
    pci_claim_bars(pci);
    pci_enable(pci, true); /* and the bridges above it */
    int status = vmem_pci_create(pci, location, created);
    if (status != OK)
        pci_enable(pci, false);
    return status;
}

void transport_destroy_pci(struct vmem_virtio *virtio)
{
    vmem_pci_destroy(virtio);
}

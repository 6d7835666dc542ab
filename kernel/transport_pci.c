/* SPDX-License-Identifier: BSD-2-Clause */
/* See transports.h: PCI functions, and the host functions of drivers/virtio/include/vmem/pci.h, to
 * which a function is a struct pci_device. */
#include "drivers/pci/pci_spec.h"
#include "drivers/virtio/include/vmem/pci.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "kernel/transports.h"
#include "lib/panic.h"
#include "lib/printf.h"

#define FUNCTIONS_MAX 16 /* with a line's interrupt */

/* The lines that are attached, by function. */
static struct line {
    struct pci_device *pci; /* NULL: free */
    vmem_irq_handler_t handler;
    void *context;
} lines[FUNCTIONS_MAX];

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

/* A line that its device does not quieten is masked by the platform. */
static void run_line(void *context)
{
    struct line *line = context;
    (void)line->handler(line->context);
}

static void set_intx(struct pci_device *pci, bool on)
{
    u16 command = pci_read16(pci, PCI_COMMAND);
    u16 wanted =
        on ? (u16)(command & ~PCI_COMMAND_INTX_DISABLE) : (u16)(command | PCI_COMMAND_INTX_DISABLE);
    if (wanted != command)
        pci_write16(pci, PCI_COMMAND, wanted);
}

static struct line *find_line(const struct pci_device *pci)
{
    for (unsigned i = 0; i < FUNCTIONS_MAX; i++) {
        if (lines[i].pci == pci)
            return &lines[i];
    }
    return NULL;
}

static int attach_line(struct pci_device *pci, vmem_irq_handler_t handler, void *context)
{
    struct line *line = find_line(NULL);
    if (!line)
        return E_NOMEM;
    pci_find_line(pci);
    if (pci->interrupt_pin == 0)
        return E_UNSUPPORTED;
    *line = (struct line){pci, handler, context};
    int status = platform_irq_attach_line(pci->interrupt_line, run_line, line);
    if (status == OK)
        set_intx(pci, true);
    else
        line->pci = NULL;
    return status;
}

static void detach_line(struct pci_device *pci)
{
    struct line *line = find_line(pci);
    ASSERT(line);
    set_intx(pci, false);
    platform_irq_detach_line(pci->interrupt_line, run_line, line);
    line->pci = NULL;
}

int vmem_host_pci_irq_attach(void *pci, int vector, vmem_irq_handler_t handler, void *context)
{
    if (vector < 0)
        return attach_line(pci, handler, context);
    for_each_extra (extra) {
        if (extra->attach_vector)
            return extra->attach_vector(pci, (u16)vector, handler, context);
    }
    return E_UNSUPPORTED;
}

void vmem_host_pci_irq_detach(void *pci, int vector)
{
    if (vector < 0)
        detach_line(pci);
    else
        EXTRAS_CALL(detach_vector, pci, (u16)vector);
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
    pci_open_bridges(pci);
    return vmem_pci_create(pci, location, created);
}

void transport_destroy_pci(struct vmem_virtio *virtio)
{
    vmem_pci_destroy(virtio);
}

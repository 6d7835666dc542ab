/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See pci_suspend.h. The copy of a function is its header; of a host bridge and an
 * ISA bridge also the chipset's own registers that are in use: where ECAM and ACPI's
 * ports are (of QEMU's q35), and how interrupts are routed (of both its machines).
 */
#include "extras/suspend/pci_suspend.h"

#include "drivers/pci/pci.h"
#include "drivers/pci/pci_internal.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/panic.h"
#include "mm/page.h"

#define PCI_SUBCLASS_ISA 0x01
#define HEADER_FIRST     0x0c /* behind the command register, which comes last */
#define HEADER_WORDS     13
#define CHIPSET_FIRST    0x40
#define CHIPSET_WORDS    11

struct saved_function {
    const struct pci_device *device;
    u16 command;
    u32 header[HEADER_WORDS];
    u32 chipset[CHIPSET_WORDS];
};

static struct saved_function *saved; /* NULL: nothing is saved */
static unsigned nr_saved;
static u64 nr_frames;

static bool is_chipset(const struct pci_device *device)
{
    return device->class_code == PCI_CLASS_BRIDGE &&
           (device->subclass == PCI_SUBCLASS_HOST || device->subclass == PCI_SUBCLASS_ISA);
}

static void save(const struct pci_device *device, struct saved_function *copy)
{
    copy->device = device;
    copy->command = pci_read16(device, PCI_COMMAND);
    for (u16 i = 0; i < HEADER_WORDS; i++)
        copy->header[i] = pci_read32(device, (u16)(HEADER_FIRST + 4 * i));
    for (u16 i = 0; is_chipset(device) && i < CHIPSET_WORDS; i++)
        copy->chipset[i] = pci_read32(device, (u16)(CHIPSET_FIRST + 4 * i));
}

/* Through the ports: ECAM may be one of the things that come back here. */
static void restore_chipset(const struct saved_function *copy)
{
    for (u16 i = 0; i < CHIPSET_WORDS; i++)
        pci_config_write_port(copy->device->address, (u16)(CHIPSET_FIRST + 4 * i), 4,
                              copy->chipset[i]);
}

/* Not another one that was plugged in meanwhile, and not an empty slot. */
static bool is_same(const struct pci_device *device)
{
    return pci_read32(device, PCI_VENDOR_ID) == ((u32)device->device_id << 16 | device->vendor_id);
}

static void restore(const struct saved_function *copy)
{
    if (is_chipset(copy->device))
        restore_chipset(copy);
    if (!is_same(copy->device))
        return;
    /* Nothing decodes while addresses change. */
    pci_write16(copy->device, PCI_COMMAND, 0);
    for (u16 i = 0; i < HEADER_WORDS; i++)
        pci_write32(copy->device, (u16)(HEADER_FIRST + 4 * i), copy->header[i]);
    pci_write16(copy->device, PCI_COMMAND, copy->command);
}

int pci_suspend(void)
{
    const struct pci_device *device;

    ASSERT(saved == NULL);
    for (nr_saved = 0; pci_device_at(nr_saved) != NULL; nr_saved++)
        ;
    if (nr_saved == 0)
        return OK;
    nr_frames = align_up(nr_saved * sizeof(*saved), PAGE_BYTES) / PAGE_BYTES;
    paddr_t memory = page_alloc_run(nr_frames, PAGE_KERNEL);
    if (memory == PADDR_NONE)
        return E_NOMEM;
    saved = phys_to_virt(memory);
    for (unsigned i = 0; i < nr_saved && (device = pci_device_at(i)) != NULL; i++)
        save(device, &saved[i]);
    return OK;
}

/* The copies are in bus order: a bridge's bus number is lower than those behind it. */
void pci_resume(void)
{
    if (saved == NULL)
        return;
    for (unsigned i = 0; i < nr_saved; i++)
        restore(&saved[i]);
    pci_suspend_forget();
}

void pci_suspend_forget(void)
{
    if (saved != NULL)
        page_free_run(virt_to_phys(saved), nr_frames);
    saved = NULL;
}

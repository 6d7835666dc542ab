/* SPDX-License-Identifier: BSD-2-Clause */
/* See devices.h: finding devices and attaching the driver, and its turns. Knows both the transport
 * and the device. */
#include "kernel/devices.h"

#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "kernel/devices_internal.h"
#include "kernel/transports.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"

not_cleared struct device devices[VMEM_DEVICES_MAX];
unsigned devices_nr;
u64 devices_next_ms;
static const struct options *options;
static bool is_woken; /* an interrupt of a device came */

int devices_start(struct device *device)
{
    device->memory = (struct device_memory){0};
    devices_next_ms = 0;
    const struct vmem_options wanted = {
        .name = device->name,
        .init = options->init,
        .irq_mode = options->irq_mode,
        .features_masked = options->features_masked,
        .address_limit = platform_paddr_limit(),
        .translates_device_addresses = true, /* no IOMMU is switched on */
        .memory = &device_memory_ops,
        .memory_context = &device->memory,
        .wake_context = &is_woken,
    };
    int status = vmem_attach(device->virtio, &wanted, &device->vmem);
    if (status != OK) {
        device->vmem = NULL;
        log_error(LOG_KERNEL, "devices", "%s: virtio-mem device not used (%s)",
                  vmem_virtio_location(device->virtio), status_name(status));
    }
    return status;
}

static struct device *free_entry(void)
{
    for_each_device(device)
    {
        if (!device->virtio)
            return device;
    }
    return devices_nr < VMEM_DEVICES_MAX ? &devices[devices_nr++] : NULL;
}

int devices_attach(struct vmem_virtio *virtio, const struct pci_device *pci,
                   void (*destroy)(struct vmem_virtio *virtio))
{
    struct device *device = free_entry();
    if (!device) {
        log_error(LOG_KERNEL, "devices", "%s: more than %d virtio-mem devices, left alone",
                  vmem_virtio_location(virtio), VMEM_DEVICES_MAX);
        return E_NOMEM;
    }
    *device = (struct device){.virtio = virtio, .destroy = destroy, .pci = pci};
    device->occupant = pci ? pci->occupant : 0;
    snprintf(device->name, sizeof(device->name), "vmem%u", (unsigned)(device - devices));
    int status = devices_start(device);
    if (status != OK)
        device->virtio = NULL;
    return status;
}

void devices_attach_pci(struct pci_device *pci)
{
    char address[PCI_ADDRESS_TEXT_BYTES];
    struct vmem_virtio *virtio;

    int status = transport_create_pci(pci, &virtio);
    if (status != OK)
        log_error(LOG_KERNEL, "devices", "pci %s: unusable virtio function (%s)",
                  pci_address_text(pci->address, address), status_name(status));
    else if (devices_attach(virtio, pci, transport_destroy_pci) != OK)
        transport_destroy_pci(virtio);
}

static bool is_new(const struct pci_device *pci)
{
    if (pci->removal_requested)
        return false;
    for_each_device(device)
    {
        if (device->virtio && device->pci == pci)
            return false;
    }
    for_each_extra (extra) {
        if (extra->leaves_alone && extra->leaves_alone(pci))
            return false;
    }
    return true;
}

void devices_attach_new(void)
{
    struct pci_device *pci;
    for (unsigned i = 0; (pci = pci_device_at(i)) != NULL; i++) {
        if (transport_pci_type(pci) == VMEM_VIRTIO_ID_MEMORY && is_new(pci))
            devices_attach_pci(pci);
    }
}

void devices_init(const struct options *boot_options)
{
    options = boot_options;
    devices_nr = 0;
    devices_next_ms = VMEM_NEVER;
    int nr_functions = pci_scan();
    if (nr_functions < 0) /* there are more than it has room for: the others can be used */
        log_error(LOG_KERNEL, "devices", "the PCI scan failed (%s)", status_name(nr_functions));
    if (nr_functions == 0)
        log_warning(LOG_KERNEL, "devices",
                    "no PCI bus was found, neither by ACPI's MCFG nor by I/O ports");
    EXTRAS_CALL(attach_first);
    devices_attach_new();
    EXTRAS_CALL(attach_last, options);
    if (!devices_at(0))
        log_warning(LOG_KERNEL, "devices", "no virtio-mem device is in use");
}

/* ---- service ---- */

u64 devices_due_ms(void)
{
    return __atomic_load_n(&is_woken, __ATOMIC_RELAXED) ? 0 : devices_next_ms;
}

/* Which device has something to do is not noted: a call for one that has not is cheap. */
static void service_all(u64 now_ms)
{
    __atomic_store_n(&is_woken, false, __ATOMIC_SEQ_CST);
    devices_next_ms = VMEM_NEVER;
    for_each_device(device)
    {
        if (!device->vmem)
            continue;
        u64 next_ms = vmem_service(device->vmem, now_ms);
        devices_next_ms = min_u64(devices_next_ms, next_ms); /* it may have become 0 meanwhile */
    }
}

/* A reply that is there when the notify returns is taken at once, and its interrupt wakes us all
 * the same: a second call costs less than another turn of the loop. */
void devices_service(void)
{
    u64 now_ms = platform_now_ms();
    if (devices_due_ms() <= now_ms)
        service_all(now_ms);
    if (devices_due_ms() == 0 && devices_next_ms > now_ms)
        service_all(now_ms);
}

void devices_memory_freed(void)
{
    for_each_device(device)
    {
        if (device->vmem)
            vmem_memory_freed(device->vmem);
    }
    devices_next_ms = 0;
}

bool devices_ready(void)
{
    for_each_device(device)
    {
        if (device->vmem && !vmem_is_ready(device->vmem))
            return false;
    }
    return true;
}

struct vmem_device *devices_at(unsigned index)
{
    for_each_device(device)
    {
        if (device->vmem && index-- == 0)
            return device->vmem;
    }
    return NULL;
}

struct vmem_device *devices_find(const char *name)
{
    for_each_device(device)
    {
        if (device->vmem && strcmp(device->name, name) == 0)
            return device->vmem;
    }
    return NULL;
}

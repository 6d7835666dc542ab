/* SPDX-License-Identifier: BSD-2-Clause */
/* See devices.h: finding devices and attaching the driver, and its turns. Knows both the transport
 * and the device. */
#include "kernel/devices.h"

#include "drivers/pci/pci.h"
#include "include/platform.h"
#include "include/status.h"
#include "kernel/devices_internal.h"
#include "kernel/transports.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"

struct device_lists device_lists;

const char *devices_virtio_type_name(u32 type)
{
    static const char *const names[] = {
        [1] = "network", [2] = "block",   [3] = "console",      [4] = "entropy", [5] = "balloon",
        [8] = "SCSI",    [9] = "9p",      [16] = "GPU",         [18] = "input",  [19] = "socket",
        [20] = "crypto", [24] = "memory", [26] = "file system",
    };
    return type < ARRAY_SIZE(names) && names[type] ? names[type] : "unknown";
}

struct parked_device *devices_find_parked(const char *name)
{
    for (unsigned i = 0; i < device_lists.nr_parked; i++) {
        if (strcmp(device_lists.parked[i].name, name) == 0)
            return &device_lists.parked[i];
    }
    return NULL;
}

/* The lowest "vmemN" that no device has. */
static void choose_name(char *name, size_t bytes)
{
    unsigned number = 0;
    do
        snprintf(name, bytes, "vmem%u", number++);
    while (devices_find(name) || devices_find_parked(name));
}

static bool is_in_use(const struct device_memory *memory)
{
    for (unsigned i = 0; i < device_lists.nr_attached; i++) {
        if (device_lists.attached[i].memory == memory)
            return true;
    }
    return false;
}

/* There are as many as devices, and one more device is to be attached. */
static struct device_memory *unused_memory(void)
{
    struct device_memory *memory = device_lists.memories;
    while (is_in_use(memory))
        memory++;
    return memory;
}

int devices_attach(struct vmem_virtio *virtio, const struct pci_device *pci,
                   const struct options *options, const char *name)
{
    if (device_lists.nr_attached + device_lists.nr_parked >= VMEM_DEVICES_MAX) {
        log_error(LOG_KERNEL, "devices", "%s: more than %d virtio-mem devices, left alone",
                  vmem_virtio_location(virtio), VMEM_DEVICES_MAX);
        return E_NOMEM;
    }
    struct attached_device *device = &device_lists.attached[device_lists.nr_attached];
    *device = (struct attached_device){
        .pci = pci,
        .occupant = pci ? pci->occupant : 0,
        .virtio = virtio,
        .memory = unused_memory(),
    };
    snprintf(device->name, sizeof(device->name), "%s", name);
    *device->memory = (struct device_memory){0};
    const struct vmem_options wanted = {
        .name = name,
        .init = options->init,
        .irq_mode = options->irq_mode,
        .features_masked = options->features_masked,
        .address_limit = platform_paddr_limit(),
        .translates_device_addresses = true, /* no IOMMU is switched on */
        .memory = &device_memory_ops,
        .memory_context = device->memory,
        .wake_context = &device_lists.is_woken,
    };
    int status = vmem_attach(virtio, &wanted, &device->vmem);
    if (status != OK) {
        log_error(LOG_KERNEL, "devices", "%s: virtio-mem device not used (%s)",
                  vmem_virtio_location(virtio), status_name(status));
        return status;
    }
    device_lists.nr_attached++;
    return OK;
}

static void attach_pci(struct pci_device *pci, const struct options *options)
{
    char address[PCI_ADDRESS_TEXT_BYTES];
    char name[8];
    struct vmem_virtio *virtio;

    choose_name(name, sizeof(name));
    int status = transport_create_pci(pci, &virtio);
    if (status != OK)
        log_error(LOG_KERNEL, "devices", "pci %s: unusable virtio function (%s)",
                  pci_address_text(pci->address, address), status_name(status));
    else if (devices_attach(virtio, pci, options, name) != OK)
        transport_destroy_pci(virtio);
}

/* Devices that the command line names. Placeholders and other kinds are no fault. */
static void attach_mmio(const struct mmio_address *address, const struct options *options)
{
    char name[8];
    struct vmem_virtio *virtio;

    choose_name(name, sizeof(name));
    int status = transport_create_mmio(address, options->irq_mode != VMEM_IRQ_POLL, &virtio);
    if (status != OK) {
        if (status != E_NODEV) /* which has been said */
            log_error(LOG_KERNEL, "devices", "mmio 0x%llx: the device is not used (%s)%s",
                      (unsigned long long)address->base, status_name(status),
                      status == E_EXIST ? ": RAM is there" : "");
        return;
    }
    if (vmem_virtio_device_type(virtio) != VMEM_VIRTIO_ID_MEMORY)
        log_debug(LOG_KERNEL, "devices", "%s: a virtio %s device, left alone",
                  vmem_virtio_location(virtio),
                  devices_virtio_type_name(vmem_virtio_device_type(virtio)));
    else if (devices_attach(virtio, NULL, options, name) == OK)
        return;
    transport_destroy_mmio(virtio);
}

static bool is_virtio_mem(const struct pci_device *pci)
{
    return transport_pci_type(pci) == VMEM_VIRTIO_ID_MEMORY;
}

u32 devices_virtio_type(const struct pci_device *pci)
{
    u32 type = transport_pci_type(pci);
    bool is_transitional = pci->vendor_id == 0x1af4 && pci->device_id >= 0x1000 &&
                           pci->device_id < 0x1040; /* the range that the specification names */
    return type == 0 && is_transitional ? pci->subsystem_id : type;
}

/* A slot that the user named holds something else, or nothing: say what. */
static void report_slot(struct pci_address slot, const struct pci_device *pci)
{
    char address[PCI_ADDRESS_TEXT_BYTES];
    pci_address_text(slot, address);
    if (!pci) {
        log_error(LOG_KERNEL, "devices", "virtio_mem.slot=%s: no device there", address);
        return;
    }
    u32 type = devices_virtio_type(pci);
    if (type != 0)
        log_error(LOG_KERNEL, "devices",
                  "virtio_mem.slot=%s: %04x:%04x there is a virtio %s device (%u), not memory (24)",
                  address, pci->vendor_id, pci->device_id, devices_virtio_type_name(type), type);
    else
        log_error(LOG_KERNEL, "devices",
                  "virtio_mem.slot=%s: %04x:%04x class %02x%02x there is not a virtio-mem device",
                  address, pci->vendor_id, pci->device_id, pci->class_code, pci->subclass);
}

static void attach_slots(const struct options *options)
{
    for (unsigned i = 0; i < options->nr_slots; i++) {
        struct pci_device *pci = pci_find(options->slots[i]);
        if (pci && is_virtio_mem(pci))
            attach_pci(pci, options);
        else
            report_slot(options->slots[i], pci);
    }
}

static bool is_attached(const struct pci_device *pci)
{
    for (unsigned i = 0; i < device_lists.nr_attached; i++) {
        if (device_lists.attached[i].pci == pci)
            return true;
    }
    for (unsigned i = 0; i < device_lists.nr_parked; i++) {
        if (device_lists.parked[i].pci == pci)
            return true;
    }
    return false;
}

static bool is_wanted(const struct pci_device *pci, const struct options *options)
{
    if (options->nr_slots == 0)
        return true;
    for (unsigned i = 0; i < options->nr_slots; i++) {
        if (pci_find(options->slots[i]) == pci)
            return true;
    }
    return false;
}

void devices_attach_new(const struct options *options)
{
    struct pci_device *pci;
    for (unsigned i = 0; (pci = pci_device_at(i)) != NULL; i++) {
        if (is_virtio_mem(pci) && !pci->removal_requested && !is_attached(pci) &&
            is_wanted(pci, options))
            attach_pci(pci, options);
    }
}

void devices_init(const struct options *options)
{
    device_lists = (struct device_lists){.wanted = options};
    int nr_functions = pci_scan();
    if (nr_functions < 0) /* there are more than it has room for: the others can be used */
        log_error(LOG_KERNEL, "devices", "the PCI scan failed (%s)", status_name(nr_functions));
    if (nr_functions == 0)
        log_warning(LOG_KERNEL, "devices",
                    "no PCI bus was found, neither by ACPI's MCFG nor by I/O ports");
    if (options->nr_slots > 0)
        attach_slots(options);
    else
        devices_attach_new(options);
    for (unsigned i = 0; i < options->nr_mmio; i++)
        attach_mmio(&options->mmio[i], options);
    if (device_lists.nr_attached == 0)
        log_warning(LOG_KERNEL, "devices", "no virtio-mem device is in use");
}

/* ---- service ---- */

bool devices_pending(void)
{
    u64 now_ms = platform_now_ms();
    if (__atomic_load_n(&device_lists.is_woken, __ATOMIC_RELAXED))
        return true;
    for (unsigned i = 0; i < device_lists.nr_attached; i++) {
        if (now_ms >= device_lists.attached[i].next_ms)
            return true;
    }
    return false;
}

/* Which device has woken us is not noted: a call for one that has nothing to do is cheap. */
void devices_service(void)
{
    u64 now_ms = platform_now_ms();
    bool is_woken = __atomic_exchange_n(&device_lists.is_woken, false, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < device_lists.nr_attached; i++) {
        struct attached_device *device = &device_lists.attached[i];
        if (is_woken || now_ms >= device->next_ms)
            device->next_ms = vmem_service(device->vmem, now_ms);
    }
}

bool devices_allow_suspend(const char **who)
{
    for (unsigned i = 0; i < device_lists.nr_attached; i++) {
        *who = device_lists.attached[i].name;
        if (!vmem_allows_suspend(device_lists.attached[i].vmem))
            return false;
    }
    return true;
}

int devices_quiesce(const char **who)
{
    for (unsigned i = 0; i < device_lists.nr_attached; i++) {
        *who = device_lists.attached[i].name;
        int status = vmem_quiesce(device_lists.attached[i].vmem);
        if (status != OK)
            return status;
    }
    return OK;
}

void devices_resume(void)
{
    for (unsigned i = 0; i < device_lists.nr_attached; i++) {
        struct attached_device *device = &device_lists.attached[i];
        if (devices_has_gone(device->pci, device->occupant))
            continue;
        vmem_resume(device->vmem, platform_now_ms());
        device->next_ms = 0;
    }
}

void devices_memory_freed(void)
{
    for (unsigned i = 0; i < device_lists.nr_attached; i++) {
        vmem_memory_freed(device_lists.attached[i].vmem);
        device_lists.attached[i].next_ms = 0;
    }
}

void devices_verify(const struct vmem_device *only)
{
    for (unsigned i = 0; i < device_lists.nr_attached; i++) {
        struct attached_device *device = &device_lists.attached[i];
        if (only && only != device->vmem)
            continue;
        int status = vmem_verify(device->vmem);
        if (status != OK)
            log_error(LOG_KERNEL, device->name, "it cannot be verified now: %s",
                      status_name(status));
        device->next_ms = 0;
    }
}

bool devices_ready(void)
{
    struct vmem_status status;
    for (unsigned i = 0; i < device_lists.nr_attached; i++) {
        vmem_get_status(device_lists.attached[i].vmem, &status);
        if (!status.is_ready)
            return false;
    }
    return true;
}

bool devices_settled(void)
{
    struct vmem_status status;
    for (unsigned i = 0; i < device_lists.nr_attached; i++) {
        vmem_get_status(device_lists.attached[i].vmem, &status);
        if (!status.is_settled && status.state != VMEM_STATE_BROKEN)
            return false;
    }
    return !devices_pending();
}

struct vmem_device *devices_at(unsigned index)
{
    return index < device_lists.nr_attached ? device_lists.attached[index].vmem : NULL;
}

struct vmem_device *devices_find(const char *name)
{
    for (unsigned i = 0; i < device_lists.nr_attached; i++) {
        if (strcmp(device_lists.attached[i].name, name) == 0)
            return device_lists.attached[i].vmem;
    }
    return NULL;
}

bool devices_describe_address(paddr_t paddr, char *text, size_t bytes)
{
    for (unsigned i = 0; i < device_lists.nr_attached; i++) {
        if (vmem_describe_address(device_lists.attached[i].vmem, paddr, text, bytes))
            return true;
    }
    return false;
}

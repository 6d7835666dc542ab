/* SPDX-License-Identifier: BSD-2-Clause */
/* See devices.h. The only place that knows both the transport and the device. */
#include "kernel/devices.h"

#include "drivers/pci/pci.h"
#include "drivers/pci/pci_hotplug.h"
#include "drivers/virtio/virtio_mmio.h"
#include "drivers/virtio/virtio_pci.h"
#include "drivers/virtio/virtio_spec.h"
#include "include/platform.h"
#include "include/status.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"

struct attached_device {
    const struct pci_device *pci; /* NULL: it is not on PCI, and stays */
    u32 occupant;                 /* pci->occupant when it was attached */
    struct vmem_device *vmem;
    struct virtio_device *virtio;
    bool leaving;     /* vmem_detach() has begun and must be called until it is done */
    bool turning_off; /* by devices_off(): the transport stays, for devices_on() */
    u64 next_ms;      /* when vmem_service() wants to be called, at the latest */
};

/* A device that the user switched off: a transport without a driver. */
struct parked_device {
    char name[8];
    const struct pci_device *pci;
    u32 occupant;
    struct virtio_device *virtio;
};

#define RELEASE_RETRY_MS 100

static struct attached_device devices[VMEM_DEVICES_MAX];
static unsigned nr_devices;
static struct parked_device parked[VMEM_DEVICES_MAX];
static unsigned nr_parked;
static const struct options *wanted; /* as devices_init() was given them */
static bool releasing;               /* a device that is to go has not been let go yet */
static u64 next_release_ms;

const char *devices_virtio_type_name(u32 type)
{
    static const char *const names[] = {
        [1] = "network", [2] = "block",   [3] = "console",      [4] = "entropy", [5] = "balloon",
        [8] = "SCSI",    [9] = "9p",      [16] = "GPU",         [18] = "input",  [19] = "socket",
        [20] = "crypto", [24] = "memory", [26] = "file system",
    };
    return type < ARRAY_SIZE(names) && names[type] ? names[type] : "unknown";
}

static struct parked_device *find_parked(const char *name)
{
    for (unsigned i = 0; i < nr_parked; i++) {
        if (strcmp(parked[i].name, name) == 0)
            return &parked[i];
    }
    return NULL;
}

/* The lowest "vmemN" that no device has. */
static void choose_name(char *name, size_t bytes)
{
    unsigned number = 0;
    do
        snprintf(name, bytes, "vmem%u", number++);
    while (devices_find(name) || find_parked(name));
}

/* Give a transport's device to the driver; on an error it is still the caller's. */
static int attach(struct virtio_device *virtio, const struct pci_device *pci,
                  const struct options *options, const char *name)
{
    if (nr_devices + nr_parked >= VMEM_DEVICES_MAX) {
        log_error(LOG_KERNEL, "devices", "%s: more than %d virtio-mem devices, left alone",
                  virtio->location, VMEM_DEVICES_MAX);
        return E_NOMEM;
    }
    struct attached_device *device = &devices[nr_devices];
    virtio->features_masked = options->features_masked;
    int status = vmem_attach(virtio, name, options->irq_mode, &device->vmem);
    if (status != OK) {
        log_error(LOG_KERNEL, "devices", "%s: virtio-mem device not used (%s)", virtio->location,
                  status_name(status));
        return status;
    }
    device->pci = pci;
    device->occupant = pci ? pci->occupant : 0;
    device->virtio = virtio;
    device->leaving = device->turning_off = false;
    device->next_ms = 0;
    nr_devices++;
    return OK;
}

static void attach_pci(struct pci_device *pci, const struct options *options)
{
    char address[PCI_ADDRESS_TEXT_BYTES];
    char name[8];
    struct virtio_device *virtio;

    choose_name(name, sizeof(name));
    int status = virtio_pci_create(pci, &virtio);
    if (status != OK)
        log_error(LOG_KERNEL, "devices", "pci %s: unusable virtio function (%s)",
                  pci_address_text(pci->address, address), status_name(status));
    else if (attach(virtio, pci, options, name) != OK)
        virtio_pci_destroy(virtio);
}

/* Devices that the command line names. Placeholders and other kinds are no fault. */
static void attach_mmio(const struct virtio_mmio_address *address, const struct options *options)
{
    char name[8];
    struct virtio_device *virtio;

    choose_name(name, sizeof(name));
    if (virtio_mmio_create(address, &virtio) != OK)
        return;
    if (virtio->device_type != VIRTIO_ID_MEM)
        log_debug(LOG_KERNEL, "devices", "%s: a virtio %s device, left alone", virtio->location,
                  devices_virtio_type_name(virtio->device_type));
    else if (attach(virtio, NULL, options, name) == OK)
        return;
    virtio_mmio_destroy(virtio);
}

static bool is_virtio_mem(const struct pci_device *pci)
{
    return virtio_pci_device_type(pci) == VIRTIO_ID_MEM;
}

u32 devices_virtio_type(const struct pci_device *pci)
{
    u32 type = virtio_pci_device_type(pci);
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
    for (unsigned i = 0; i < nr_devices; i++) {
        if (devices[i].pci == pci)
            return true;
    }
    for (unsigned i = 0; i < nr_parked; i++) {
        if (parked[i].pci == pci)
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

static void attach_new(const struct options *options)
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
    wanted = options;
    vmem_choose_init(options->init);
    int nr_functions = pci_scan();
    if (nr_functions < 0) /* there are more than it has room for: the others can be used */
        log_error(LOG_KERNEL, "devices", "the PCI scan failed (%s)", status_name(nr_functions));
    if (options->nr_slots > 0)
        attach_slots(options);
    else
        attach_new(options);
    for (unsigned i = 0; i < options->nr_mmio; i++)
        attach_mmio(&options->mmio[i], options);
    if (nr_devices == 0)
        log_warning(LOG_KERNEL, "devices", "no virtio-mem device is in use");
}

/* ---- devices that leave ---- */

static bool has_gone(const struct pci_device *pci, u32 occupant)
{
    return pci && (!pci->present || pci->occupant != occupant);
}

static void destroy_transport(const struct pci_device *pci, struct virtio_device *virtio)
{
    if (pci)
        virtio_pci_destroy(virtio);
    else
        virtio_mmio_destroy(virtio);
}

/* False while the driver cannot let go: pages are in use, or the device has not agreed yet. */
static bool release(unsigned index)
{
    struct attached_device *device = &devices[index];
    struct parked_device left = {
        .pci = device->pci, .occupant = device->occupant, .virtio = device->virtio};
    bool gone = has_gone(device->pci, device->occupant);
    if (gone && !device->virtio->broken)
        virtio_break(device->virtio, "it was pulled out");
    memcpy(left.name, device->virtio->name, strlen(device->virtio->name) + 1);
    int status = vmem_detach(device->vmem);
    device->leaving = status == E_AGAIN;
    if (status != OK) {
        device->turning_off = device->turning_off && device->leaving;
        return false;
    }
    if (device->turning_off && !gone)
        parked[nr_parked++] = left;
    else
        destroy_transport(left.pci, left.virtio);
    nr_devices--;
    for (unsigned i = index; i < nr_devices; i++)
        devices[i] = devices[i + 1];
    return true;
}

static void release_leaving(void)
{
    releasing = false;
    for (unsigned i = nr_devices; i-- > 0;) {
        const struct pci_device *pci = devices[i].pci;
        if (has_gone(pci, devices[i].occupant) || (pci && pci->removal_requested) ||
            devices[i].leaving)
            releasing |= !release(i);
    }
    for (unsigned i = nr_parked; i-- > 0;) {
        const struct pci_device *pci = parked[i].pci;
        if (has_gone(pci, parked[i].occupant) || (pci && pci->removal_requested)) {
            destroy_transport(pci, parked[i].virtio);
            parked[i] = parked[--nr_parked];
        }
    }
}

int devices_off(const char *name)
{
    for (unsigned i = 0; i < nr_devices; i++) {
        if (strcmp(devices[i].virtio->name, name) != 0)
            continue;
        devices[i].turning_off = true;
        if (release(i))
            return OK;
        releasing |= devices[i].leaving; /* goes on in devices_follow_slots() */
        return devices[i].leaving ? E_AGAIN : E_BUSY;
    }
    return find_parked(name) ? E_EXIST : E_NODEV;
}

int devices_on(const char *name)
{
    struct parked_device *found = find_parked(name);
    if (!found)
        return devices_find(name) ? E_EXIST : E_NODEV;
    struct parked_device device = *found;
    *found = parked[--nr_parked];
    int status = attach(device.virtio, device.pci, wanted, device.name);
    if (status != OK)
        parked[nr_parked++] = device;
    return status;
}

static void eject_released(void)
{
    struct pci_device *pci;
    for (unsigned i = 0; (pci = pci_device_at(i)) != NULL;) {
        if (pci->removal_requested && pci_hotplug_eject(pci) == OK)
            i = 0; /* more than this function may have gone with it */
        else
            i++;
    }
}

void devices_rescan(void)
{
    int nr_functions = pci_scan();
    if (nr_functions < 0)
        log_error(LOG_KERNEL, "devices", "the PCI rescan failed (%s)", status_name(nr_functions));
    release_leaving();
    attach_new(wanted);
}

void devices_follow_slots(void)
{
    u64 now_ms = platform_now_ms();
    bool changed = pci_hotplug_poll(now_ms);
    if (!changed && (!releasing || now_ms < next_release_ms))
        return;
    next_release_ms = now_ms + RELEASE_RETRY_MS;
    release_leaving();
    if (!releasing)
        eject_released();
    attach_new(wanted);
}

/* ---- service ---- */

static bool has_events(const struct attached_device *device)
{
    return __atomic_load_n(&device->virtio->events, __ATOMIC_RELAXED) != 0;
}

bool devices_pending(void)
{
    for (unsigned i = 0; i < nr_devices; i++) {
        if (has_events(&devices[i]))
            return true;
    }
    return false;
}

void devices_service(void)
{
    u64 now_ms = platform_now_ms();
    for (unsigned i = 0; i < nr_devices; i++) {
        struct attached_device *device = &devices[i];
        if (has_events(device) || now_ms >= device->next_ms)
            device->next_ms = vmem_service(device->vmem, now_ms);
    }
}

bool devices_allow_suspend(const char **who)
{
    for (unsigned i = 0; i < nr_devices; i++) {
        *who = devices[i].virtio->name;
        if (!vmem_allows_suspend(devices[i].vmem))
            return false;
    }
    return true;
}

void devices_resume(void)
{
    for (unsigned i = 0; i < nr_devices; i++) {
        vmem_resume(devices[i].vmem, platform_now_ms());
        devices[i].next_ms = 0;
    }
}

void devices_memory_freed(void)
{
    for (unsigned i = 0; i < nr_devices; i++)
        devices[i].next_ms = 0;
}

void devices_verify(const struct vmem_device *only)
{
    for (unsigned i = 0; i < nr_devices; i++) {
        struct attached_device *device = &devices[i];
        if (only && only != device->vmem)
            continue;
        int status = vmem_verify(device->vmem);
        if (status != OK)
            log_error(LOG_KERNEL, device->virtio->name, "it cannot be verified now: %s",
                      status_name(status));
        device->next_ms = 0;
    }
}

bool devices_ready(void)
{
    for (unsigned i = 0; i < nr_devices; i++) {
        if (!vmem_is_ready(devices[i].vmem))
            return false;
    }
    return true;
}

bool devices_settled(void)
{
    for (unsigned i = 0; i < nr_devices; i++) {
        struct vmem_status status;
        vmem_get_status(devices[i].vmem, &status);
        if (status.phase != VMEM_PHASE_SETTLED && status.phase != VMEM_PHASE_BROKEN)
            return false;
    }
    return !devices_pending();
}

struct vmem_device *devices_at(unsigned index)
{
    return index < nr_devices ? devices[index].vmem : NULL;
}

struct vmem_device *devices_find(const char *name)
{
    for (unsigned i = 0; i < nr_devices; i++) {
        if (strcmp(devices[i].virtio->name, name) == 0)
            return devices[i].vmem;
    }
    return NULL;
}

bool devices_describe_address(paddr_t paddr, char *text, size_t bytes)
{
    for (unsigned i = 0; i < nr_devices; i++) {
        if (vmem_describe_address(devices[i].vmem, paddr, text, bytes))
            return true;
    }
    return false;
}

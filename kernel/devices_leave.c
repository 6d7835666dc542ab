/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices that leave: pulled out, asked out by the host, or switched off by the
 * user. A driver lets go when none of its pages is in use, and is asked until then.
 */
#include "drivers/pci/pci.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "kernel/devices_internal.h"
#include "kernel/transports.h"
#include "lib/log.h"
#include "lib/string.h"

#define RELEASE_RETRY_MS 100

bool devices_has_gone(const struct pci_device *pci, u32 occupant)
{
    return pci && (!pci->present || pci->occupant != occupant);
}

static void destroy_transport(const struct pci_device *pci, struct vmem_virtio *virtio)
{
    if (pci)
        transport_destroy_pci(virtio);
    else
        transport_destroy_mmio(virtio);
}

/* False while the driver cannot let go: pages are in use, or the device has not agreed yet. */
static bool release(unsigned index)
{
    struct attached_device *device = &device_lists.attached[index];
    struct parked_device left = {
        .pci = device->pci, .occupant = device->occupant, .virtio = device->virtio};
    bool gone = devices_has_gone(device->pci, device->occupant);
    if (gone)
        vmem_gone(device->vmem, "it was pulled out");
    memcpy(left.name, device->name, sizeof(left.name));
    int status = vmem_detach(device->vmem);
    device->leaving = status == E_AGAIN;
    if (status != OK) {
        device->turning_off = device->turning_off && device->leaving;
        return false;
    }
    if (device->turning_off && !gone)
        device_lists.parked[device_lists.nr_parked++] = left;
    else
        destroy_transport(left.pci, left.virtio);
    device_lists.nr_attached--;
    for (unsigned i = index; i < device_lists.nr_attached; i++)
        device_lists.attached[i] = device_lists.attached[i + 1];
    return true;
}

static void release_leaving(void)
{
    device_lists.releasing = false;
    for (unsigned i = device_lists.nr_attached; i-- > 0;) {
        const struct pci_device *pci = device_lists.attached[i].pci;
        if (devices_has_gone(pci, device_lists.attached[i].occupant) ||
            (pci && pci->removal_requested) || device_lists.attached[i].leaving)
            device_lists.releasing |= !release(i);
    }
    for (unsigned i = device_lists.nr_parked; i-- > 0;) {
        const struct pci_device *pci = device_lists.parked[i].pci;
        if (devices_has_gone(pci, device_lists.parked[i].occupant) ||
            (pci && pci->removal_requested)) {
            destroy_transport(pci, device_lists.parked[i].virtio);
            device_lists.parked[i] = device_lists.parked[--device_lists.nr_parked];
        }
    }
}

int devices_off(const char *name)
{
    for (unsigned i = 0; i < device_lists.nr_attached; i++) {
        if (strcmp(device_lists.attached[i].name, name) != 0)
            continue;
        device_lists.attached[i].turning_off = true;
        if (release(i))
            return OK;
        device_lists.releasing |=
            device_lists.attached[i].leaving; /* goes on in devices_retry_release() */
        return device_lists.attached[i].leaving ? E_AGAIN : E_BUSY;
    }
    return devices_find_parked(name) ? E_EXIST : E_NODEV;
}

int devices_on(const char *name)
{
    struct parked_device *found = devices_find_parked(name);
    if (!found)
        return devices_find(name) ? E_EXIST : E_NODEV;
    struct parked_device device = *found;
    *found = device_lists.parked[--device_lists.nr_parked];
    int status = devices_attach(device.virtio, device.pci, device_lists.wanted, device.name);
    if (status != OK)
        device_lists.parked[device_lists.nr_parked++] = device;
    return status;
}

void devices_update(void)
{
    device_lists.next_release_ms = platform_now_ms() + RELEASE_RETRY_MS;
    release_leaving();
    if (!device_lists.releasing)
        EXTRAS_CALL(devices_released);
    devices_attach_new(device_lists.wanted);
}

void devices_retry_release(void)
{
    if (device_lists.releasing && platform_now_ms() >= device_lists.next_release_ms)
        devices_update();
}

void devices_wake(void)
{
    int nr_functions = pci_scan(); /* first: who went is not to be started */
    if (nr_functions < 0)
        log_error(LOG_KERNEL, "devices", "the PCI rescan failed (%s)", status_name(nr_functions));
    devices_resume();
    devices_update();
}

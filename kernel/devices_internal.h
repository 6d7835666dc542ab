/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between devices.c, which attaches and serves, and extras that find devices or let go of them.
 * Kept on the boot processor, not from an interrupt.
 */
#ifndef TIDE_KERNEL_DEVICES_INTERNAL_H
#define TIDE_KERNEL_DEVICES_INTERNAL_H

#include "drivers/pci/pci.h"
#include "kernel/device_memory.h"
#include "kernel/devices.h"

struct device {
    struct vmem_virtio *virtio;                  /* the transport's; NULL: a free entry */
    void (*destroy)(struct vmem_virtio *virtio); /* of the transport */
    const struct pci_device *pci;                /* NULL: it is not on PCI, and stays */
    u32 occupant;                                /* pci->occupant when it was found */
    struct vmem_device *vmem;                    /* the driver's; NULL: it is switched off */
    struct device_memory memory;                 /* the driver's context */
    char name[8];                                /* "vmem3" for the fourth entry */
    bool leaving;     /* vmem_detach() has begun and must be called until it is done */
    bool turning_off; /* the transport stays when the driver lets go */
};

extern struct device devices[VMEM_DEVICES_MAX];
extern unsigned devices_nr; /* of them have been in use */
extern u64 devices_next_ms; /* when one of them wants vmem_service() to be called, at the latest */

#define for_each_device(each) \
    for (struct device *each = devices; each < devices + devices_nr; each++)

/*
 * Give a device to the driver, under the first name that is free. On an error, which is an error
 * line, it is still the caller's. pci may be NULL.
 */
must_check int devices_attach(struct vmem_virtio *virtio, const struct pci_device *pci,
                              void (*destroy)(struct vmem_virtio *virtio));

/* Attach the driver to a device that is switched off; on an error it stays so. */
must_check int devices_start(struct device *device);

/* devices_attach() for a virtio-mem function; what cannot be used is an error line. */
void devices_attach_pci(struct pci_device *pci);

/* Attach what is on PCI, is meant, and is neither attached nor switched off. */
void devices_attach_new(void);

#endif

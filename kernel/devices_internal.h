/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between devices.c, which attaches and serves, and devices_leave.c, which lets go: the two lists.
 * Kept on the boot processor, not from an interrupt.
 */
#ifndef TIDE_KERNEL_DEVICES_INTERNAL_H
#define TIDE_KERNEL_DEVICES_INTERNAL_H

#include "kernel/device_memory.h"
#include "kernel/devices.h"

struct attached_device {
    const struct pci_device *pci; /* NULL: it is not on PCI, and stays */
    u32 occupant;                 /* pci->occupant when it was attached */
    struct vmem_device *vmem;
    struct vmem_virtio *virtio;
    struct device_memory *memory;
    char name[8];
    bool leaving;     /* vmem_detach() has begun and must be called until it is done */
    bool turning_off; /* by devices_off(): the transport stays, for devices_on() */
    u64 next_ms;      /* when vmem_service() wants to be called, at the latest */
};

/* A device that the user switched off: a transport without a driver. */
struct parked_device {
    char name[8];
    const struct pci_device *pci;
    u32 occupant;
    struct vmem_virtio *virtio;
};

extern struct device_lists {
    struct attached_device attached[VMEM_DEVICES_MAX];
    unsigned nr_attached;
    struct device_memory memories[VMEM_DEVICES_MAX]; /* each an attached device's, or unused */
    bool is_woken;                                   /* an interrupt of a device came */
    struct parked_device parked[VMEM_DEVICES_MAX];
    unsigned nr_parked;
    const struct options *wanted; /* as devices_init() was given them */
    bool releasing;               /* a device that is to go has not been let go yet */
    u64 next_release_ms;
} device_lists;

/* The device that the user switched off under this name, or NULL. */
struct parked_device *devices_find_parked(const char *name);

/* The function that the driver was given is not there any more, or is another one. */
bool devices_has_gone(const struct pci_device *pci, u32 occupant);

/* Give a transport's device to the driver; on an error it is still the caller's. */
must_check int devices_attach(struct vmem_virtio *virtio, const struct pci_device *pci,
                              const struct options *options, const char *name);

/* Attach what is on PCI, is meant, and is neither attached nor switched off. */
void devices_attach_new(const struct options *options);

#endif

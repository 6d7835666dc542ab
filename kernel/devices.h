/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem devices of this machine: which PCI functions they are, and
 * when each driver instance wants to run.
 */
#ifndef TIDE_KERNEL_DEVICES_H
#define TIDE_KERNEL_DEVICES_H

#include "drivers/virtio/include/vmem/vmem.h"
#include "kernel/options.h"

#define VMEM_DEVICES_MAX 16

/*
 * Scan PCI and attach the driver to the devices at the configured slots, or
 * to every virtio-mem device. A device that cannot be used gets an error line;
 * the others are still served. Boot only; options is kept, not copied.
 */
void devices_init(const struct options *options);

/*
 * After a pci_scan() that may have found a change, or a request for removal: attach the devices
 * that came and are meant, and let go of those that are gone or wanted out. A device of which a
 * page is in use stays until devices_retry_release().
 */
void devices_update(void);

/* Try again, every 100 ms, to let go of the devices that must go. Call it at each turn of the loop.
 */
void devices_retry_release(void);

/* Run each driver that has an event or whose time has come. */
void devices_service(void);

/* devices_service() would do something now. Callable with interrupts off. */
bool devices_pending(void);

/* Pages were freed: blocks that were in use may be unplugged now. */
void devices_memory_freed(void);

/*
 * Let the driver go of a device, which gets all its memory back, until
 * devices_on(). E_BUSY while pages of it are in use; E_AGAIN if the device has
 * not agreed yet: it will go off by itself. E_EXIST if it is off, E_NODEV.
 */
must_check int devices_off(const char *name);

/* Attach the driver again, under the same name. E_EXIST if it is on, E_NODEV. */
must_check int devices_on(const char *name);

/* vmem_verify() for one device, or for each that can be (NULL); at the next turn they begin. */
void devices_verify(const struct vmem_device *only);

/* Every device has reached DRIVER_OK and settled its first plan, or cannot be used. */
bool devices_ready(void);

/* No device has work that it could do now or is waiting to retry. */
bool devices_settled(void);

/*
 * Whether the machine may sleep, asked of each device; the name of the first one that says no
 * goes to *who.
 */
bool devices_allow_suspend(const char **who);

/*
 * Reset every device, which keeps what is plugged, for another kernel. Where one does not reset,
 * its status is returned with its name in *who: devices_resume() must follow.
 */
must_check int devices_quiesce(const char **who);

/* Start every device again after devices_quiesce(). */
void devices_resume(void);

/*
 * The same after the machine has slept and PCI is as it was; and let go of devices that went
 * meanwhile, attach those that came.
 */
void devices_wake(void);

/* The i-th attached device, or NULL past the end; a broken one stays in the list. */
struct vmem_device *devices_at(unsigned index);

/* The device of this name ("vmem0"), or NULL. */
struct vmem_device *devices_find(const char *name);

/*
 * The virtio device ID of a function, 0 if it is none. Unlike transport_pci_type() it knows
 * transitional ones, by their subsystem ID (virtio 1.4, "PCI Device Discovery"): to name them, not
 * to drive them.
 */
u32 devices_virtio_type(const struct pci_device *pci);

/* What a virtio device ID stands for: "balloon" for 5. */
const char *devices_virtio_type_name(u32 type);

/* Which device and block an address belongs to, for the trap report. Any context. */
bool devices_describe_address(paddr_t paddr, char *text, size_t bytes);

#endif

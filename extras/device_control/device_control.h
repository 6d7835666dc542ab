/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices that leave, come back or stand still: pulled out, asked out by the host, switched off by
 * the user; reset for another kernel, started again after a sleep. From the kernel's loop.
 */
#ifndef TIDE_EXTRAS_DEVICE_CONTROL_H
#define TIDE_EXTRAS_DEVICE_CONTROL_H

#include "include/types.h"

/*
 * After a pci_scan() that may have found a change, or a request for removal: attach the devices
 * that came and are meant, and let go of those that are gone or wanted out. A device of which a
 * page is in use stays, and is asked again every 100 ms.
 */
void devices_update(void);

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

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slots into which devices are put, and out of which they are pulled, while
 * the kernel runs: PCI Express native hotplug on root ports and the downstream
 * ports of switches; and the slots of QEMU's machine `pc`, out of which ACPI asks.
 *
 * The ports are polled; none of their interrupts is used. Nothing here waits:
 * a slot that is being powered is a state with a deadline. Not from an interrupt.
 */
#ifndef TIDE_EXTRAS_PCI_HOTPLUG_PCI_HOTPLUG_H
#define TIDE_EXTRAS_PCI_HOTPLUG_PCI_HOTPLUG_H

#include "drivers/pci/pci.h"

#define PCI_HOTPLUG_POLL_MS 100

/*
 * Take charge of every hotplug slot found by pci_scan(), after its first run.
 * Returns their number. Devices that are in a slot without power get it at the next poll.
 */
unsigned pci_hotplug_init(void);

/*
 * Look at each slot; the slots are read at most every PCI_HOTPLUG_POLL_MS,
 * calls between cost a compare. True if the caller should go over the
 * functions: some came (present), some went (not present any more), or the
 * user wants one out or no longer wants it (removal_requested).
 */
bool pci_hotplug_poll(u64 now_ms);

/*
 * The machine has slept, and config space is as it was, but the slots have forgotten what happened
 * in them: the next poll finds what was plugged in meanwhile.
 */
void pci_hotplug_resume(u64 now_ms);

/*
 * Power off the slot that the function sits in: it and all that is in the slot
 * are not present after it. No driver uses any of it. E_UNSUPPORTED if it
 * is not in a hotplug slot.
 */
must_check int pci_hotplug_eject(const struct pci_device *device);

#endif

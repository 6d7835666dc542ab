/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slots in which devices are plugged and pulled out while the kernel runs: PCI Express native
 * hotplug on root ports and the downstream ports of switches; and the slots of QEMU's machine `pc`,
 * where ACPI requests removals.
 *
 * The ports are polled; none of their interrupts is used. Nothing here waits:
 * a slot that is being powered is a state with a deadline. Not from an interrupt.
 */
#ifndef TIDE_EXTRAS_PCI_HOTPLUG_PCI_HOTPLUG_H
#define TIDE_EXTRAS_PCI_HOTPLUG_PCI_HOTPLUG_H

#include "drivers/pci/pci.h"

#define PCI_HOTPLUG_POLL_MS 1000
#define PCI_HOTPLUG_ACPI_MS 2000 /* where all slots are ACPI's, which says when to look */
#define PCI_HOTPLUG_WAIT_MS 100  /* while a card is waited for */

/*
 * Take charge of every hotplug slot found by pci_scan(), after its first run.
 * Returns their number. Devices that are in a slot without power get it at the next poll.
 */
unsigned pci_hotplug_init(void);

/* When pci_hotplug_poll() looks again, or UINT64_MAX without a slot. */
u64 pci_hotplug_due_ms(void);

/* Look as soon as pci_hotplug_poll() is called: firmware says that something happened. */
void pci_hotplug_hurry(void);

/*
 * Look at each slot, if pci_hotplug_due_ms() has come; a call before costs a compare. True if
 * functions came or went (present), or the user requested a removal or withdrew that
 * (removal_requested).
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

/* ---- pci_piix_slots.c: the part of it on one machine ---- */

/* Whether there are such slots. */
bool pci_piix_slots_init(void);

/* True if removal of a function was requested that had not been. */
bool pci_piix_slots_poll(void);

/* Release the slot; a scan must follow. E_UNSUPPORTED if it is none of these slots. */
must_check int pci_piix_slots_eject(const struct pci_device *device);

#endif

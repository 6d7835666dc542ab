/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI across suspend to RAM: what firmware and the scan wrote into config space is lost
 * with the power, and comes back from a copy. Drivers then start their devices again.
 */
#ifndef TIDE_EXTRAS_SUSPEND_PCI_SUSPEND_H
#define TIDE_EXTRAS_SUSPEND_PCI_SUSPEND_H

/* Copy the header of every function present. E_NOMEM. O(functions). */
__attribute__((warn_unused_result)) int pci_suspend(void);

/* Write the copy back, bridges before what is behind them, and forget it. After pci_suspend(). A
 * function that is another one than it was, or gone, is left alone: a scan finds that. */
void pci_resume(void);

/* Forget the copy: the machine has not slept, and config space is as it was. */
void pci_suspend_forget(void);

#endif

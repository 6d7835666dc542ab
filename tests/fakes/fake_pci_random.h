/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random trees with random faults, and what must hold of each: whatever
 * firmware and devices say, the scan ends, bus numbers are used once and nest,
 * and each memory BAR that got an address can be reached there and overlaps
 * nothing.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_PCI_RANDOM_H
#define TIDE_TESTS_FAKES_FAKE_PCI_RANDOM_H

#include "include/boot_info.h"
#include "include/types.h"

/*
 * Build a tree from the numbers that source() gives, of so many bytes each,
 * scan it, use every function, and fail the test if anything is wrong.
 */
void fake_pci_random_tree(const struct boot_info *boot, u32 (*source)(unsigned bytes));

#endif

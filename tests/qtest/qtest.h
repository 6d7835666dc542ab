/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A real QEMU without a guest: its processor never runs, and this program
 * does what the processor would, through QEMU's qtest server.
 *
 * Ports and device registers are forwarded by fake_mmio.h's claims, so the
 * drivers notice nothing. Guest memory is a file that QEMU and this program
 * both map, at the same addresses as seen by the drivers: rings and buffers
 * are where the device looks for them.
 */
#ifndef TIDE_TESTS_QTEST_QTEST_H
#define TIDE_TESTS_QTEST_QTEST_H

#include "include/boot_info.h"
#include "include/types.h"

/*
 * Start QEMU (the environment's QEMU, or qemu-system-x86_64) with a
 * virtio-mem device "vmem0" of region_bytes in blocks of block_bytes, and fill
 * in `boot` as fake_boot() does. Fails the test if it does not start. QEMU ends
 * with this program, and by itself after ten minutes.
 */
void qtest_start(struct boot_info *boot, u64 region_bytes, u64 block_bytes);

/* End QEMU and release what qtest_start() took. */
void qtest_stop(void);

/* By QMP, as a host would: what it wants, and what QEMU says is plugged. */
void qtest_set_requested(u64 bytes);
u64 qtest_plugged(void);

/* How many register accesses QEMU has answered. */
u64 qtest_accesses(void);

#endif

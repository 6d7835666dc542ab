/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host of drivers/virtio without a kernel: memory from an arena of its own, the clock and the
 * console of fake_platform.h. A program that links it has no mm/ in it.
 *
 * A device sees DMA memory at another address than the processor: a random number of pages away,
 * chosen anew at each start. FAKE_HOST_SEED=N in the environment repeats a run.
 */
#ifndef TIDE_TESTS_FAKES_HOST_FAKE_HOST_H
#define TIDE_TESTS_FAKES_HOST_FAKE_HOST_H

#include "include/types.h"

/* Begin with all memory free, full of junk. */
void fake_host_start(void);

/* Fails the test if memory was not given back, or registers of a PCI function are mapped. */
void fake_host_stop(void);

/* How many bytes are allocated or mapped now. */
u64 fake_host_allocated(void);

/* The allocation or mapping after nth others fails; `lasting`: and each one after it. */
void fake_host_fail_after(u64 nth, bool lasting);

/* No more; true if one has failed. */
bool fake_host_failed(void);

/* How often the host was woken with this context since the start. */
unsigned fake_host_wakes(const void *wake_context);

#endif

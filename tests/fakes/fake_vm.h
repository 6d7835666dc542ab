/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The window of virtual areas (platform_vm_*()) for the host programs, in the
 * host's own page tables.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_VM_H
#define TIDE_TESTS_FAKES_FAKE_VM_H

#include "include/types.h"

/* Before the first area: nothing is mapped there; and the end of it. */
void fake_vm_start(void);
void fake_vm_stop(void);

/* From now on threads that play other processors wait for held pages. In the test itself: cmocka
 * sets its own handlers before each function. */
void fake_vm_catch_faults(void);

/* Each map after so many calls fails with E_NOMEM; -1: none. */
void fake_vm_fail_map_after(i64 nr_calls);

/* Pages count as written, but for those of which this says that nobody wrote to them. */
void fake_vm_forget_write(u64 address);

/* Page faults of threads that played another processor than 0. */
u64 fake_vm_waits(void);

/* Bytes of the pages in the window. */
u64 fake_vm_mapped_bytes(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host functions of drivers/virtio for tests of the library alone: memory of the C library, a
 * clock that the test turns, lines that are kept. It fails the test where memory is freed in
 * another way than it was allocated. Addresses for the device differ from the processor's by a
 * number of pages that is another one in each life.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_HOST_H
#define TIDE_TESTS_FAKES_FAKE_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/virtio/include/vmem/host.h"

/* Start afresh at time 0, without lines; and the end: whatever is still allocated is freed. */
void fake_host_start(void);
void fake_host_stop(void);

void fake_host_advance_ms(uint64_t ms);

/* A wake context is an unsigned that counts, or NULL. */

/* Memory of both kinds that is allocated now, in bytes. */
size_t fake_host_allocated(void);

/* The allocation, of either kind, after so many fails; -1: none. */
void fake_host_fail_alloc_after(int64_t nr_calls);

/* ---- lines: "warning: vmem0: text\n", as many as fit in 64 KiB ---- */

const char *fake_host_lines(void);
void fake_host_clear_lines(void);

/* How often a text occurs, and how many lines there were of a level. */
unsigned fake_host_said(const char *text);
unsigned fake_host_count(enum vmem_log_level level);

/* Levels above are not wanted, until fake_host_stop(); else those above VMEM_LOG_INFO. */
void fake_host_want(enum vmem_log_level level);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host of drivers/virtio without a kernel: memory of the C library, a clock that the test turns,
 * lines that are kept. It fails the test where memory or a mapping is given back in another way
 * than it was taken. A program that links it needs no mm/ and no platform.
 *
 * A device sees DMA memory at another address than the processor: a random number of pages away,
 * chosen anew at each start. FAKE_HOST_SEED=N in the environment repeats a run.
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

/*
 * A wake context is a bool that becomes true, or NULL; and how many there were with a context.
 * vmem_host_panic() fails the test as assert() does: cmocka's expect_assert_failure() expects it.
 */
unsigned fake_host_wakes(void);

/* Memory of both kinds that is allocated now and registers that are mapped, in bytes. */
size_t fake_host_allocated(void);

/* The allocation or mapping after nth others fails; `lasting`: and each one after it. */
void fake_host_fail_after(uint64_t nth, bool lasting);

/* No more; true if one has failed. */
bool fake_host_failed(void);

/* ---- lines: "warning: vmem0: text\n", as many as fit in 64 KiB ---- */

const char *fake_host_lines(void);
void fake_host_clear_lines(void);

/* How often a text occurs, and how many lines there were of a level. */
unsigned fake_host_said(const char *text);
unsigned fake_host_count(enum vmem_log_level level);

/* Levels above are not wanted, until fake_host_stop(); else those above VMEM_LOG_INFO. */
void fake_host_want(enum vmem_log_level level);

#endif

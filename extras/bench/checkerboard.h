/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allocator at its most scattered: every second pageblock of all plugged memory is held, the
 * others are idle. A job of the monitor (job.h), in the background, on the processor that booted.
 */
#ifndef TIDE_EXTRAS_BENCH_CHECKERBOARD_H
#define TIDE_EXTRAS_BENCH_CHECKERBOARD_H

#include "include/types.h"

/* Allocate all plugged pageblocks, then free every second one and hold the rest until it is
 * stopped. Each step is a line on the console; an error line says what forbids it. */
void checkerboard_start(u64 limit_ms);

/* Free the rest; the end is a line. */
void checkerboard_stop(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtqueue whose memory the input rewrites, for fuzz_split.c and fuzz_packed.c.
 *
 * Each buffer comes back at most once, with no longer a length than it has room,
 * or the device is marked broken.
 */
#ifndef TIDE_TESTS_FUZZ_FUZZ_RING_H
#define TIDE_TESTS_FUZZ_FUZZ_RING_H

#include "include/types.h"

/* One run; the first byte of the input picks ring features beside `features`. */
void fuzz_ring(const u8 *data, size_t bytes, u64 features);

#endif

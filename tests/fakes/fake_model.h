/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model of the random walk: one state for each frame of a region and of boot
 * RAM, and the generator that decides what comes next. It asserts that what the
 * allocator gives is free and there.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_MODEL_H
#define TIDE_TESTS_FAKES_FAKE_MODEL_H

#include "include/units.h"
#include "tests/fakes/fake_platform.h"

#define REGION_BASE FAKE_REGION_BASE
#define BOOT_BYTES  (48 * MIB)
#define FRAMES_MAX  (4 * GIB / PAGE_BYTES)

enum state { ABSENT, FREE, USED };

extern u8 region[FRAMES_MAX]; /* enum state */
extern u64 region_bytes;
extern u64 nr_online; /* frames; the walk counts them */
extern u64 nr_used;   /* of the region */

/* A region of so many bytes, absent, and nothing in use. */
void model_init(u64 bytes, u64 seed);

u64 random_below(u64 limit);
bool in_region(paddr_t paddr);

/* Frames are allocated, and freed. */
void model_take(paddr_t base, u64 nr_frames);
void model_give(paddr_t base, u64 nr_frames);

/* Frames by their number in the region: all in that state; how many are in use. */
bool model_all(u64 first, u64 count, u8 state);
u64 model_used(u64 first, u64 count);

/* The region has an aligned run of free frames. */
bool model_has_run(unsigned order);

#endif

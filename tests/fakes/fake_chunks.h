/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine whose region is full of movable chunks of 256 KiB, scattered, that
 * know where they are: what the tests of the driver's migration start from.
 * Chunks are numbers here: the region is not there.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_CHUNKS_H
#define TIDE_TESTS_FAKES_FAKE_CHUNKS_H

#include "include/units.h"
#include "mm/page.h"
#include "tests/fakes/fake_machine.h"
#include "tests/fakes/fake_platform.h"

#define CHUNK_ORDER 6
#define CHUNK       (256 * KIB)
#define CHUNKS_MAX  4096

extern struct machine machine;
extern paddr_t chunks[CHUNKS_MAX]; /* 0: freed */
extern u8 chunk_moves[CHUNKS_MAX];
extern u64 nr_chunks;
extern u64 nr_chunk_moves;
extern u64 nr_refused;
extern bool refuses_all;  /* each chunk is refused */
extern u64 refused_chunk; /* or only this one */

/* The owner, registered; no chunks. After the machine was booted. */
void forget_chunks(void);

void drop_chunk(u64 index);
void drop_all_chunks(void);
u64 count_chunks(void);

/* Fill with chunks, then keep a share that a small generator picks. */
void scatter(u64 bytes, u64 percent);

/* Boot with a region of 1 GiB, plug so much, and scatter chunks over it. */
void start_scattered(u64 block_bytes, u64 bytes, u64 percent);

/* Every chunk is where the driver left memory, and none moved twice. */
void check_chunks(void);

/* The next calls of the driver, one at a time, until so many chunks were moved in all. */
void run_until_moved(u64 wanted);

/* All that is free can be had: nothing is isolated. */
void expect_all_open(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtual areas that a user of the monitor holds: filled with a pattern that names each
 * word's address, and touched by all other processors while their frames
 * move. Called from the kernel's loop only.
 */
#ifndef TIDE_EXTRAS_VM_VM_AREAS_H
#define TIDE_EXTRAS_VM_VM_AREAS_H

#include "include/types.h"

#define VM_AREAS_MAX 256

/* Its number, the lowest that is free; E_NOMEM without memory, E_RANGE if all numbers are in use,
 * E_BUSY while areas are touched. */
must_check int vm_areas_alloc(u64 bytes);

/* E_NODEV if there is none of this number, E_BUSY while areas are touched. */
must_check int vm_areas_free(unsigned number);

/* Write a part of the pattern, a few MiB, from its start if is_first; one fill or check at a time.
 * OK at the end, E_AGAIN if there is more, else as above. */
must_check int vm_areas_fill(unsigned number, bool is_first);

struct vm_fault {
    u64 address;
    u64 found;
    u64 expected;
};

/* Verify a part of it in the same way. E_INVAL if a word is wrong, with the first one in *fault.
 * For an area that is filled; it may be touched meanwhile. */
must_check int vm_areas_check(unsigned number, struct vm_fault *fault, bool is_first);

/* Where an area is; NULL if there is none of this number. And whether it is filled. */
void *vm_areas_base(unsigned number, bool *filled);

/* The highest number in use, or -1. */
int vm_areas_last(void);

/*
 * Let all processors but the one that booted read and write each page of each filled area, round by
 * round: a job of the monitor (job.h), in the background. It says on the console what it does;
 * what forbids it is an error line.
 */
void vm_areas_touch_start(u64 limit_ms);

/* End it; the sum of what was done is a line on the console then. */
void vm_areas_touch_stop(void);

#endif

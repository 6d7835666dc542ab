/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtual areas that a user of the monitor holds: filled with a pattern that names each
 * word's address, and touched by all other processors while their frames
 * move. Called from the kernel's loop only.
 */
#ifndef TIDE_KERNEL_VM_AREAS_H
#define TIDE_KERNEL_VM_AREAS_H

#include "include/types.h"

#define VM_AREAS_MAX 256

/* Its number, the lowest that is free; E_NOMEM without memory or a number, E_BUSY while touched. */
must_check int vm_areas_alloc(u64 bytes);

/* E_NODEV if there is none of this number, E_BUSY while areas are touched; for the next as well. */
must_check int vm_areas_free(unsigned number);

/* Write the pattern. The devices are served while it runs. */
must_check int vm_areas_fill(unsigned number);

struct vm_fault {
    u64 address;
    u64 found;
    u64 expected;
};

/* E_INVAL if a word is wrong, with the first one in *fault; E_NODEV; E_AGAIN if it was never
 * filled. The devices are served, and it may be touched meanwhile. */
must_check int vm_areas_check(unsigned number, struct vm_fault *fault);

/* Where an area is; NULL if there is none of this number. And whether it is filled. */
void *vm_areas_base(unsigned number, bool *filled);

/* The highest number in use, or -1. */
int vm_areas_last(void);

/*
 * Let all processors but the one that booted read and write each page of each filled
 * area, round by round, until it is stopped. E_NODEV if there is no other, E_BUSY if one works.
 */
must_check int vm_areas_touch_start(void);

struct vm_touch {
    unsigned nr_cpus;
    u64 nr_rounds; /* all areas once, by one processor */
    u64 nr_pages;
    u64 nr_wrong; /* words that were not as the processor left them, or not the pattern */
};

/* End it after the round that each is in. E_NODEV if it was not started. */
must_check int vm_areas_touch_stop(struct vm_touch *touch);

#endif

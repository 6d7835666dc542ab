/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tide's memory operations for the balloon driver.
 *
 * The balloon takes boot RAM first, by whole pageblocks, and leaves what virtio-mem needs of it to
 * grow; then plugged memory. What must be unplugged it gives back (balloon_plugged.c), so that the
 * two shrink side by side.
 */
#ifndef TIDE_EXTRAS_BALLOON_MEMORY_H
#define TIDE_EXTRAS_BALLOON_MEMORY_H

#include "drivers/virtio/include/vmem/balloon.h"
#include "include/types.h"

/* The context is not used. */
extern const struct vmem_balloon_ops balloon_memory_ops;

/* Whether plugged memory may be taken, too; at first it may not. */
void balloon_allow_plugged(bool is_allowed);

/* How much of it is in the balloon, in bytes. */
u64 balloon_plugged_bytes(void);

/* A device has to unplug more than it should have, and can go on with nothing but what the balloon
 * has of its region: some of that is given back. True if so. While a device has too much, no
 * plugged memory is taken. */
bool balloon_make_way(struct vmem_balloon *driver);

/* Whether pages came back since this was last asked. */
bool balloon_memory_was_given(void);

/* take_idle() and give_idle() of the operations; balloon_idle.c. */
bool balloon_take_idle(void *context, u64 from, u64 max_bytes, bool is_hint,
                       struct vmem_range *idle);
void balloon_give_idle(void *context, u64 base, u64 bytes, bool was_told);

/* How much idle memory is out of use now, in bytes. Any processor. */
u64 balloon_idle_out(void);

#endif

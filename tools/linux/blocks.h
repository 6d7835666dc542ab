/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the Linux guest says of its memory's blocks, and of pages that its kernel moved. Needs root
 * and /proc.
 */
#ifndef TIDE_TOOLS_LINUX_BLOCKS_H
#define TIDE_TOOLS_LINUX_BLOCKS_H

#include "include/types.h"

/* Pages that the kernel has moved since it started; 0 where it does not say. */
u64 pages_moved(void);

/*
 * Print the line of a region that is named as NAME:BASE:SIZE:BLOCK, read from the open
 * /proc/kpageflags; its plugged and used bytes are added to *plugged and *used.
 */
void print_region(int flags_file, const char *region, u64 *plugged, u64 *used);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Being told when memory runs low. Looked at where an allocation leaves the
 * common path, about once a pageblock, so the figure is right to within the pageblocks
 * that processors hold.
 */
#ifndef TIDE_MM_WATERMARK_H
#define TIDE_MM_WATERMARK_H

#include "include/types.h"

/* Boot only: nobody wants to know. */
void watermark_init(void);

/* With page_lock held: true once each time that free memory falls below the mark. */
bool watermark_crossed(void);

/* Without page_lock: tell who wanted to know. */
void watermark_tell(void);

#endif

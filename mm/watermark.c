/* SPDX-License-Identifier: BSD-2-Clause */
/* See watermark.h, and page_watch_low() in page.h. */
#include "mm/watermark.h"

#include "mm/page_internal.h"

static u64 low_frames; /* 0: not watched */
static bool told;      /* and not above the mark since */
static page_low_t low_function;
static void *low_context;

void watermark_init(void)
{
    low_frames = 0;
}

void page_watch_low(u64 frames, page_low_t function, void *context)
{
    spin_lock(&page_lock);
    low_frames = frames;
    low_function = function;
    low_context = context;
    told = false;
    spin_unlock(&page_lock);
}

bool watermark_crossed(void)
{
    if (low_frames == 0)
        return false;
    u64 free_frames = page_unused(false) + page_unused(true);
    bool low = free_frames < low_frames;
    bool crossed = low && !told;
    told = low;
    return crossed;
}

void watermark_tell(void)
{
    low_function(low_context);
}

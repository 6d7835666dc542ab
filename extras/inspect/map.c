/* SPDX-License-Identifier: BSD-2-Clause */
/* See map.h. */
#include "extras/inspect/map.h"

#include "include/units.h"
#include "mm/hotplug/hotplug.h"

static char draw_cell(const struct vmem_device *vmem, const struct vmem_status *status, u64 first,
                      u64 nr_blocks)
{
    u64 block_bytes = status->config.block_bytes;
    u64 nr_plugged = 0;
    u64 used_frames = 0;
    for (u64 block = first; block < first + nr_blocks; block++) {
        if (!vmem_block_is_plugged(vmem, block))
            continue;
        nr_plugged++;
        used_frames +=
            hotplug_used_frames(status->config.region_base + block * block_bytes, block_bytes);
    }
    if (nr_plugged == 0)
        return MAP_UNPLUGGED;
    if (nr_plugged < nr_blocks)
        return MAP_MIXED;
    if (used_frames == 0)
        return MAP_FREE;
    return used_frames == nr_blocks * (block_bytes / PAGE_BYTES) ? MAP_FULL : MAP_PARTLY_USED;
}

unsigned map_draw(const struct vmem_device *vmem, unsigned nr_cells, char *cells,
                  u64 *blocks_a_cell)
{
    struct vmem_status status;
    vmem_get_status(vmem, &status);
    *blocks_a_cell = (status.nr_blocks + nr_cells - 1) / nr_cells;
    unsigned drawn = 0;
    for (u64 first = 0; first < status.nr_blocks; first += *blocks_a_cell)
        cells[drawn++] =
            draw_cell(vmem, &status, first, min_u64(*blocks_a_cell, status.nr_blocks - first));
    return drawn;
}

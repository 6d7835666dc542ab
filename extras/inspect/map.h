/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One region as characters: a cell stands for one block or several.
 */
#ifndef TIDE_EXTRAS_INSPECT_MAP_H
#define TIDE_EXTRAS_INSPECT_MAP_H

#include "drivers/virtio/include/vmem/vmem.h"
#include "include/types.h"

#define MAP_CELLS_MAX   1024
#define MAP_CELLS_A_ROW 64

/* The cell of blocks none of which is plugged, all are (free, partly used, full), or some are. */
enum map_cell {
    MAP_UNPLUGGED = '.',
    MAP_FREE = '-',
    MAP_PARTLY_USED = '+',
    MAP_FULL = '#',
    MAP_MIXED = ':',
};

/*
 * Draw the region in at most nr_cells cells of equally many blocks (the last one may have fewer).
 * Returns how many cells were written to `cells`, and how many blocks each stands for.
 */
unsigned map_draw(const struct vmem_device *vmem, unsigned nr_cells, char *cells,
                  u64 *blocks_a_cell);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A region drawn as text, for tests of the planner: '.' unplugged, 'o' online and idle, 'X' online
 * with pages in use, '?' in doubt. The block map follows the picture.
 */
#ifndef TIDE_TESTS_PLAN_PICTURE_H
#define TIDE_TESTS_PLAN_PICTURE_H

#include "drivers/virtio/mem/block_map.h"
#include "drivers/virtio/mem/plan.h"
#include "include/status.h"
#include "tests/unit/unit.h"

#define PICTURE_BLOCKS_MAX 300000

static struct vmem_block_map blocks;
static char picture[PICTURE_BLOCKS_MAX + 1];
static struct vmem_planner planner;

static void draw_run(char what, u64 first, u64 nr_blocks)
{
    static const enum vmem_block_state states[] = {
        ['.'] = VMEM_BLOCK_UNPLUGGED,
        ['o'] = VMEM_BLOCK_ONLINE,
        ['X'] = VMEM_BLOCK_ONLINE,
        ['?'] = VMEM_BLOCK_IN_DOUBT,
    };
    memset(picture + first, what, nr_blocks);
    vmem_map_set(&blocks, (struct vmem_run){first, nr_blocks}, states[(unsigned char)what]);
}

/* The planner begins anew. The test frees the map. */
static void draw(const char *text)
{
    assert_int_equal(vmem_map_init(&blocks, strlen(text)), OK);
    vmem_plan_forget(&planner);
    picture[strlen(text)] = '\0';
    for (u64 i = 0; text[i]; i++)
        draw_run(text[i], i, 1);
}

/* The next idle run of the picture, for struct vmem_idle_source. */
static bool picture_idle(void *context, u64 from, u64 to, struct vmem_run *idle)
{
    (void)context;
    while (from < to && picture[from] != 'o')
        from++;
    idle->first = from;
    while (from < to && picture[from] == 'o')
        from++;
    idle->nr_blocks = from - idle->first;
    return idle->nr_blocks != 0;
}

#endif

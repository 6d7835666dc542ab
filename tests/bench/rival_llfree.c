/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LLFree-C (https://github.com/luhsra/llfree-c) as a rival: see rivals.h. Built only where its
 * sources are, by bench.mk. A processor has a class for huge pages and one for the others, as
 * LLFree's own examples do.
 */
#include <llfree.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/rivals.h"
#include "tests/unit/include/asm/cpu.h"

#define NR_CPUS 8

static llfree_t *allocator;

static void *zeroed(size_t bytes)
{
    void *memory = NULL;
    if (posix_memalign(&memory, LLFREE_CACHE_SIZE, bytes) != 0)
        abort();
    return memset(memory, 0, bytes);
}

void llfree_rival_init(void)
{
    llfree_classing_t classing = llfree_classing_simple(NR_CPUS);
    llfree_meta_size_t bytes = llfree_metadata_size(&classing, RIVAL_FRAMES);
    llfree_meta_t meta = {zeroed(bytes.local), zeroed(bytes.trees), zeroed(bytes.lower)};
    allocator = zeroed(bytes.llfree);
    if (!llfree_is_ok(llfree_init(allocator, RIVAL_FRAMES, LLFREE_INIT_FREE, meta, &classing)))
        abort();
}

u64 llfree_rival_alloc(unsigned order)
{
    llfree_result_t result = llfree_get(allocator, frame_id_none(),
                                        llfree_simple_request(NR_CPUS, (u8)order, fake_cpu_id));
    return llfree_is_ok(result) ? result.frame.value : RIVAL_NONE;
}

void llfree_rival_free(u64 frame, unsigned order)
{
    llfree_result_t result = llfree_put(allocator, frame_id(frame),
                                        llfree_simple_request(NR_CPUS, (u8)order, fake_cpu_id));
    if (!llfree_is_ok(result))
        abort();
}

bool llfree_rival_is_idle(void)
{
    return llfree_stats(allocator).free_frames == RIVAL_FRAMES;
}

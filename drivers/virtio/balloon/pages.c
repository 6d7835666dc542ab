/* SPDX-License-Identifier: BSD-2-Clause */
/* The runs of pages that are in the balloon: a stack of chunks of a page each. See device.h. */
#include "device.h"

#define CHUNK_BYTES 4096
#define CHUNK_RUNS  ((CHUNK_BYTES - 16) / sizeof(struct vmem_balloon_run))

struct vmem_balloon_chunk {
    struct vmem_balloon_chunk *below;
    uint64_t nr_runs; /* at least 1, but in a spare one */
    struct vmem_balloon_run runs[CHUNK_RUNS];
};

_Static_assert(sizeof(struct vmem_balloon_chunk) <= CHUNK_BYTES, "a chunk is a page");
_Static_assert(VMEM_BALLOON_RUNS_MAX <= CHUNK_RUNS, "a buffer's runs fit in a chunk");

int vmem_balloon_pages_reserve(struct vmem_balloon_pages *pages, unsigned nr_runs)
{
    VMEM_ASSERT(nr_runs <= CHUNK_RUNS);
    if (pages->spare || (pages->top && CHUNK_RUNS - pages->top->nr_runs >= nr_runs))
        return VMEM_OK;
    pages->spare = vmem_host_alloc(sizeof(*pages->spare));
    return pages->spare ? VMEM_OK : VMEM_E_NOMEM;
}

void vmem_balloon_pages_push(struct vmem_balloon_pages *pages, struct vmem_balloon_run run)
{
    if (!pages->top || pages->top->nr_runs == CHUNK_RUNS) {
        VMEM_ASSERT(pages->spare);
        pages->spare->below = pages->top;
        pages->spare->nr_runs = 0;
        pages->top = pages->spare;
        pages->spare = NULL;
    }
    pages->top->runs[pages->top->nr_runs++] = run;
    pages->nr_pages += run.nr_pages;
}

/* The last run takes the place of the one that goes. An empty chunk becomes the spare one. */
static struct vmem_balloon_run take_out(struct vmem_balloon_pages *pages,
                                        struct vmem_balloon_run *place)
{
    struct vmem_balloon_chunk *top = pages->top;
    struct vmem_balloon_run run = *place;
    *place = top->runs[--top->nr_runs];
    pages->nr_pages -= run.nr_pages;
    if (top->nr_runs == 0) {
        pages->top = top->below;
        if (pages->spare)
            vmem_host_free(top, sizeof(*top));
        else
            pages->spare = top;
    }
    return run;
}

bool vmem_balloon_pages_pop(struct vmem_balloon_pages *pages, uint32_t max_pages,
                            struct vmem_balloon_span span, struct vmem_balloon_run *run)
{
    for (struct vmem_balloon_chunk *chunk = pages->top; chunk; chunk = chunk->below) {
        for (uint64_t i = chunk->nr_runs; i-- > 0;) {
            const struct vmem_balloon_run *found = &chunk->runs[i];
            if (found->nr_pages > max_pages || found->first < span.from || found->first >= span.to)
                continue;
            *run = take_out(pages, &chunk->runs[i]);
            return true;
        }
    }
    return false;
}

void vmem_balloon_pages_free(struct vmem_balloon_pages *pages)
{
    VMEM_ASSERT(!pages->top);
    if (pages->spare)
        vmem_host_free(pages->spare, sizeof(*pages->spare));
    pages->spare = NULL;
}

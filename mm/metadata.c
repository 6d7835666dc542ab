/* SPDX-License-Identifier: BSD-2-Clause */
/* See metadata.h. */
#include "mm/metadata.h"

#include "include/platform.h"
#include "lib/string.h"
#include "mm/free_index.h"
#include "mm/metadata_pool.h"

#define SECTIONS_PER_FRAME (unsigned)(PAGE_BYTES / sizeof(struct section))
#define NODE_BYTES         (NODE_SECTIONS * SECTION_BYTES)
#define BITMAPS_OF_RUN     4 /* two at each end, if that cuts a pageblock */

static const struct metadata_source *frame_source;
static u64 nr_frames;

/* Unused structs, linked by their base; and the rest of the newest frame of structs. */
static struct section *free_sections;
static u64 nr_free_sections;
static struct section *fresh_sections;
static unsigned nr_fresh_sections;

/* Part of the kernel's image: enough for boot RAM and one region. */
static struct radix_node first_nodes[2];
static unsigned nr_first_nodes;

void metadata_init(const struct metadata_source *source)
{
    frame_source = source;
    nr_frames = 0;
    free_sections = NULL;
    nr_free_sections = 0;
    nr_fresh_sections = 0;
    nr_first_nodes = 0;
    metadata_pool_init();
}

void metadata_set_source(const struct metadata_source *source)
{
    frame_source = source;
}

u64 metadata_frames(void)
{
    return nr_frames;
}

static void *get_frame(void)
{
    paddr_t frame = frame_source->alloc();
    if (frame == PADDR_NONE)
        return NULL;
    nr_frames++;
    return phys_to_virt(frame);
}

/* Bitmaps can move, so they leave the reserve to what cannot. */
static void *get_bitmap(const struct section *section, bool may_use_reserve)
{
    if (frame_source->has_above_reserve(1))
        return get_frame();
    void *frame = metadata_pool_get(section);
    nr_frames += frame != NULL;
    return !frame && may_use_reserve ? get_frame() : frame;
}

static void put_bitmap(void *frame)
{
    nr_frames--;
    if (metadata_pool_has(frame))
        metadata_pool_put(frame);
    else
        frame_source->free(virt_to_phys(frame));
}

static struct radix_node *new_node(void)
{
    if (nr_first_nodes < ARRAY_SIZE(first_nodes))
        return &first_nodes[nr_first_nodes++];
    return get_frame();
}

static struct section *new_section(void)
{
    struct section *section = free_sections;
    if (section) {
        free_sections = phys_to_virt(section->base);
        nr_free_sections--;
        return section;
    }
    if (nr_fresh_sections == 0) {
        fresh_sections = get_frame();
        if (!fresh_sections)
            return NULL;
        nr_fresh_sections = SECTIONS_PER_FRAME;
    }
    nr_fresh_sections--;
    section = fresh_sections++;
    memset(section, 0, sizeof(*section));
    return section;
}

struct section *metadata_get_section(paddr_t paddr)
{
    struct section *section = section_at(paddr);
    if (section)
        return section;
    if (!free_index_has_node(paddr)) {
        struct radix_node *node = new_node();
        if (!node)
            return NULL;
        free_index_add_node(paddr, node);
    }
    section = new_section();
    if (!section)
        return NULL;
    section->base = align_down(paddr, SECTION_BYTES);
    section->migration_targets = section->migration_failed = 0;
    free_index_set_section(paddr, section);
    return section;
}

static void drop(u64 **bitmap)
{
    if (*bitmap)
        put_bitmap(*bitmap);
    *bitmap = NULL;
}

void metadata_drop_section(struct section *section)
{
    metadata_drop_bitmaps(section);
#ifdef TIDE_DEBUG
    drop(&section->poisoned);
#endif
    free_index_remove(section->base, FREE_IDLE_PLUGGED);
    free_index_set_section(section->base, NULL);
    section->base = virt_to_phys(free_sections);
    free_sections = section;
    nr_free_sections++;
}

u64 metadata_frames_for(paddr_t base, u64 range_bytes, u64 bytes)
{
    u64 nr_sections = bytes / SECTION_BYTES + 2; /* of which the run may have a part */
    u64 nr_spare = nr_free_sections + nr_fresh_sections;
    u64 nr_nodes = bytes / NODE_BYTES + 2;
    u64 missing = 0;
    for (paddr_t at = base; at < base + range_bytes; at = align_down(at, NODE_BYTES) + NODE_BYTES)
        missing += !free_index_has_node(at);
    nr_sections -= min_u64(nr_sections, nr_spare);
    return (nr_sections + SECTIONS_PER_FRAME - 1) / SECTIONS_PER_FRAME +
           min_u64(nr_nodes, missing) + BITMAPS_OF_RUN;
}

bool metadata_need_bitmap(struct section *section)
{
    if (!section->bitmap)
        section->bitmap = get_bitmap(section, false);
    return section->bitmap != NULL;
}

bool metadata_need_partial_bitmaps(struct section *section)
{
    if (!section->bitmap)
        section->bitmap = get_bitmap(section, true);
    if (!section->bitmap || section->present_bitmap)
        return section->bitmap != NULL;
    section->present_bitmap = get_bitmap(section, true);
    if (!section->present_bitmap)
        return false;
    memset(section->present_bitmap, 0, PAGE_BYTES);
    return true;
}

#ifdef TIDE_DEBUG
/* In boot RAM alone: what moves bitmaps out of plugged memory knows nothing of these. */
bool metadata_need_poison_bitmap(struct section *section)
{
    if (section->poisoned)
        return true;
    u64 *bitmap = frame_source->has_above_reserve(1) ? get_frame() : NULL;
    if (!bitmap)
        return false;
    memset(bitmap, 0, PAGE_BYTES);
    __atomic_store_n(&section->poisoned, bitmap, __ATOMIC_RELEASE);
    return true;
}
#endif

void metadata_drop_bitmaps(struct section *section)
{
    if (section->boot)
        return;
    drop(&section->bitmap);
    drop(&section->present_bitmap);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* See metadata.h. */
#include "mm/metadata.h"

#include "include/platform.h"
#include "lib/string.h"
#include "mm/free_index.h"
#include "mm/metadata_pool.h"

#define SECTIONS_PER_FRAME ((unsigned)((PAGE_BYTES - 16) / sizeof(struct section)))
#define NODE_BYTES         (NODE_SECTIONS * SECTION_BYTES)
#define BITMAPS_OF_RUN     4 /* two at each end, if that cuts a pageblock */

static const struct metadata_source *frame_source;
static u64 nr_frames;

/* A frame of structs. */
struct section_frame {
    struct section sections[SECTIONS_PER_FRAME];
    struct section_frame *next; /* that has an unused struct, too */
    u32 used;                   /* bit i for struct i */
};
_Static_assert(sizeof(struct section_frame) <= PAGE_BYTES, "it is a frame");
#define ALL_USED ((1u << SECTIONS_PER_FRAME) - 1)

static struct section_frame *frames_with_room;
static u64 nr_unused_sections;

/* Part of the kernel's image: enough for boot RAM and one region. */
not_cleared static struct radix_node first_nodes[2];
static bool is_first_node_used[ARRAY_SIZE(first_nodes)];

void metadata_init(const struct metadata_source *source)
{
    frame_source = source;
    nr_frames = 0;
    frames_with_room = NULL;
    nr_unused_sections = 0;
    memset(is_first_node_used, 0, sizeof(is_first_node_used));
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

static void put_frame(void *frame)
{
    nr_frames--;
    frame_source->free(virt_to_phys(frame));
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
    if (!metadata_pool_has(frame)) {
        put_frame(frame);
        return;
    }
    nr_frames--;
    metadata_pool_put(frame);
}

static struct radix_node *new_node(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(first_nodes); i++) {
        if (!is_first_node_used[i]) {
            is_first_node_used[i] = true;
            return &first_nodes[i];
        }
    }
    return get_frame();
}

static void put_node(struct radix_node *node)
{
    if (node >= first_nodes && node < first_nodes + ARRAY_SIZE(first_nodes))
        is_first_node_used[node - first_nodes] = false;
    else
        put_frame(node);
}

static struct section *new_section(void)
{
    struct section_frame *frame = frames_with_room;
    if (!frame) {
        frame = get_frame();
        if (!frame)
            return NULL;
        memset(frame, 0, sizeof(*frame));
        frames_with_room = frame;
        nr_unused_sections += SECTIONS_PER_FRAME;
    }
    u64 index = (u64)__builtin_ctzll(~(u64)frame->used);
    frame->used |= 1u << index;
    if (frame->used == ALL_USED)
        frames_with_room = frame->next;
    nr_unused_sections--;
    return &frame->sections[index];
}

static void put_section(struct section *section)
{
    struct section_frame *frame =
        (struct section_frame *)align_down((uintptr_t)section, PAGE_BYTES);
    if (frame->used == ALL_USED) {
        frame->next = frames_with_room;
        frames_with_room = frame;
    }
    frame->used &= ~(1u << (section - frame->sections));
    nr_unused_sections++;
}

/* At an address without one. */
static bool make_section(paddr_t paddr)
{
    if (!free_index_has_node(paddr)) {
        struct radix_node *node = new_node();
        if (!node)
            return false;
        free_index_add_node(paddr, node);
    }
    struct section *section = new_section();
    if (!section)
        return false;
    section->base = align_down(paddr, SECTION_BYTES);
    section->migration_targets = section->migration_failed = 0;
    free_index_set_section(paddr, section);
    return true;
}

bool metadata_need_sections(paddr_t base, paddr_t end)
{
    for (paddr_t at = base; at < end; at = section_end(at, end)) {
        if (!section_at(at) && !make_section(at))
            return false;
    }
    return true;
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
    free_index_set_section(section->base, &free_index_empty_section);
    put_section(section);
}

void metadata_trim(paddr_t base, u64 range_bytes)
{
    for (struct section_frame **place = &frames_with_room, *frame; (frame = *place) != NULL;) {
        if (frame->used != 0 || frame_source->is_looked_at(frame)) {
            place = &frame->next;
            continue;
        }
        *place = frame->next;
        nr_unused_sections -= SECTIONS_PER_FRAME;
        put_frame(frame);
    }
    for (paddr_t at = base; at < base + range_bytes; at = align_down(at, NODE_BYTES) + NODE_BYTES) {
        struct radix_node *node = free_index_take_empty_node(at);
        if (node)
            put_node(node);
    }
}

u64 metadata_frames_for(paddr_t base, u64 range_bytes, u64 bytes)
{
    u64 nr_sections = bytes / SECTION_BYTES + 2; /* of which the run may have a part */
    u64 nr_nodes = bytes / NODE_BYTES + 2;
    u64 missing = 0;
    for (paddr_t at = base; at < base + range_bytes; at = align_down(at, NODE_BYTES) + NODE_BYTES)
        missing += !free_index_has_node(at);
    nr_sections -= min_u64(nr_sections, nr_unused_sections);
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
    if (!section->present_bitmap)
        section->present_bitmap = get_bitmap(section, true);
    return section->bitmap && section->present_bitmap;
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

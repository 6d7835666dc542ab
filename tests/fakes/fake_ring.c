/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_ring.h. The layouts are written down here anew, not shared with the driver. */
#include "tests/fakes/fake_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/virtio/core/virtio_spec.h"
#include "include/units.h"
#include "tests/fakes/fake_library_arch.h"

#define DESC_NEXT  1u
#define DESC_WRITE 2u
#define DESC_AVAIL 0x80u
#define DESC_USED  0x8000u

#define EVENT_DISABLE  1u
#define EVENT_POSITION 2u

/* Both formats' descriptor: the last two fields are flags, next or id, flags. */
struct descriptor {
    u64 address;
    u32 bytes;
    u16 half[2];
};

u64 fake_device_offset;
void (*fake_on_barrier)(char kind);

static bool has(const struct fake_ring *ring, unsigned bit)
{
    return (ring->features >> bit & 1) != 0;
}

static bool is_packed(const struct fake_ring *ring)
{
    return has(ring, VIRTIO_F_RING_PACKED);
}

static volatile u16 *halfwords(u64 address)
{
    return fake_device_memory(address);
}

static struct descriptor load(u64 table, unsigned index)
{
    struct descriptor copy;
    memcpy(&copy, (struct descriptor *)fake_device_memory(table) + index, sizeof(copy));
    return copy;
}

/* Split ring, by halfword: avail = flags, index, ring[size], used_event. */
static volatile u16 *avail(const struct fake_ring *ring)
{
    return halfwords(ring->layout.driver_area);
}

/* used = flags, index, then entries of 4 halfwords, avail_event. */
static volatile u16 *used(const struct fake_ring *ring)
{
    return halfwords(ring->layout.device_area);
}

void fake_ring_init(struct fake_ring *ring, const struct virtqueue_layout *layout, u64 features)
{
    memset(ring, 0, sizeof(*ring));
    ring->layout = *layout;
    ring->features = features;
    ring->avail_wrap = ring->used_wrap = true;
    assert_in_range(layout->size, 1, FAKE_RING_ENTRIES_MAX);
    /* Q1, K1: alignment of the parts. */
    assert_true(is_aligned(layout->descriptors, 16));
    if (is_packed(ring)) {
        assert_true(is_aligned(layout->driver_area, 4));
        assert_true(is_aligned(layout->device_area, 4));
        return;
    }
    assert_true(is_power_of_two(layout->size)); /* P13 */
    assert_true(is_aligned(layout->driver_area, 2));
    assert_true(is_aligned(layout->device_area, 4));
    /* Q1: what is announced and where to be woken, one behind the other: neither reaches into the
     * next. */
    assert_true(layout->descriptors + 16 * layout->size <= layout->driver_area);
    assert_true(layout->driver_area + 6 + 2 * layout->size <= layout->device_area);
    assert_int_equal(used(ring)[0], 0); /* Q10 */
    assert_int_equal(used(ring)[1], 0);
    assert_int_equal(avail(ring)[1], 0);
}

/* ---- what the driver must leave alone ---- */

static const u8 *descriptor_bytes(const struct fake_ring *ring, unsigned place)
{
    return (const u8 *)fake_device_memory(ring->layout.descriptors) + 16 * place;
}

static void expose(struct fake_ring *ring, unsigned place)
{
    ring->exposed[place] = true;
    memcpy(ring->expected[place], descriptor_bytes(ring, place), 16);
}

void fake_ring_check(const struct fake_ring *ring)
{
    for (unsigned place = 0; place < ring->layout.size; place++) {
        if (ring->exposed[place] &&
            memcmp(ring->expected[place], descriptor_bytes(ring, place), 16) != 0)
            fail_msg("the driver changed descriptor %u, which the device has (L1, K2)", place);
    }
}

/* ---- available buffers ---- */

static void add_piece(struct fake_buffer *buffer, const struct descriptor *from, bool writable)
{
    assert_true(buffer->nr_pieces < FAKE_RING_PIECES);
    /* Q2, K4: writable pieces come after readable ones. */
    if (!writable)
        assert_int_equal(buffer->writable_bytes, 0);
    assert_true(from->bytes != 0);
    u32 *sum = writable ? &buffer->writable_bytes : &buffer->readable_bytes;
    assert_true((u64)buffer->readable_bytes + buffer->writable_bytes + from->bytes <=
                UINT32_MAX); /* Q4 */
    *sum += from->bytes;
    buffer->pieces[buffer->nr_pieces++] = (struct fake_piece){from->address, from->bytes, writable};
}

static void own(struct fake_ring *ring, u16 slot)
{
    assert_true(slot < ring->layout.size);
    assert_false(ring->owned[slot]); /* L1, K2: the driver handed out what it had not got back */
    ring->owned[slot] = true;
}

static void read_chain(struct fake_ring *ring, struct fake_buffer *buffer)
{
    u16 index = buffer->id;

    for (unsigned i = 0;; i++) {
        own(ring, index); /* a loop would own a descriptor twice */
        expose(ring, index);
        struct descriptor entry = load(ring->layout.descriptors, index);
        u16 flags = entry.half[0];
        assert_int_equal(flags & ~(DESC_NEXT | DESC_WRITE), 0); /* D1 */
        assert_true(i < FAKE_RING_PIECES);
        buffer->slots[i] = index;
        buffer->nr_slots++;
        add_piece(buffer, &entry, (flags & DESC_WRITE) != 0);
        if ((flags & DESC_NEXT) == 0)
            return;
        index = entry.half[1];
    }
}

static bool pop_split(struct fake_ring *ring, struct fake_buffer *buffer)
{
    u16 flags = avail(ring)[0];
    u16 index = avail(ring)[1];

    assert_true(flags == 0 || (flags == 1 && !has(ring, VIRTIO_F_EVENT_IDX))); /* Q7 */
    assert_true((u16)(index - ring->seen_avail) <= ring->layout.size);         /* Q6 */
    assert_true((u16)(index - ring->next_avail) <= ring->layout.size);
    ring->seen_avail = index;
    if (index == ring->next_avail)
        return false;
    buffer->id = avail(ring)[2 + ring->next_avail % ring->layout.size];
    ring->next_avail++;
    read_chain(ring, buffer);
    return true;
}

static bool pop_packed(struct fake_ring *ring, struct fake_buffer *buffer)
{
    u16 flags;

    do {
        struct descriptor entry = load(ring->layout.descriptors, ring->next_avail);
        flags = entry.half[1];
        bool is_available = ((flags & DESC_AVAIL) != 0) == ring->avail_wrap &&
                            ((flags & DESC_USED) != 0) != ring->avail_wrap;
        if (buffer->nr_slots == 0 && !is_available)
            return false;
        assert_true(is_available); /* K6: the rest of a list is there before its first */
        assert_true(buffer->nr_slots < ring->layout.size);
        expose(ring, ring->next_avail);
        buffer->nr_slots++;
        buffer->id = entry.half[0];
        assert_int_equal(flags & ~(DESC_NEXT | DESC_WRITE | DESC_AVAIL | DESC_USED), 0); /* K7 */
        add_piece(buffer, &entry, (flags & DESC_WRITE) != 0);
        if (++ring->next_avail == ring->layout.size) {
            ring->next_avail = 0;
            ring->avail_wrap = !ring->avail_wrap;
        }
    } while ((flags & DESC_NEXT) != 0);
    own(ring, buffer->id);
    return true;
}

bool fake_ring_pop(struct fake_ring *ring, struct fake_buffer *buffer)
{
    memset(buffer, 0, sizeof(*buffer));
    fake_ring_check(ring);
    return is_packed(ring) ? pop_packed(ring, buffer) : pop_split(ring, buffer);
}

static u32 copy(const struct fake_buffer *buffer, bool writable, u8 *bytes, u32 nr_bytes)
{
    u32 done = 0;

    for (unsigned i = 0; i < buffer->nr_pieces && done < nr_bytes; i++) {
        const struct fake_piece *piece = &buffer->pieces[i];
        u32 part = piece->bytes < nr_bytes - done ? piece->bytes : nr_bytes - done;
        if (piece->writable != writable)
            continue;
        if (writable)
            memcpy(fake_device_memory(piece->address), bytes + done, part);
        else
            memcpy(bytes + done, fake_device_memory(piece->address), part);
        done += part;
    }
    return done;
}

u32 fake_ring_gather(const struct fake_buffer *buffer, void *to, u32 bytes)
{
    return copy(buffer, false, to, bytes);
}

u32 fake_ring_scatter(const struct fake_buffer *buffer, const void *from, u32 bytes)
{
    return copy(buffer, true, (u8 *)(uintptr_t)from, bytes);
}

/* ---- used buffers ---- */

static void disown(struct fake_ring *ring, const struct fake_buffer *buffer)
{
    if (is_packed(ring))
        ring->owned[buffer->id] = false;
    for (unsigned i = 0; i < buffer->nr_slots && !is_packed(ring); i++)
        ring->owned[buffer->slots[i]] = ring->exposed[buffer->slots[i]] = false;
}

static void write_entry(struct fake_ring *ring, u32 id, u32 bytes)
{
    if (is_packed(ring)) {
        struct descriptor entry = load(ring->layout.descriptors, ring->next_used);
        entry.bytes = bytes;
        entry.half[0] = (u16)id;
        entry.half[1] = ring->used_wrap ? DESC_AVAIL | DESC_USED : 0;
        memcpy((struct descriptor *)fake_device_memory(ring->layout.descriptors) + ring->next_used,
               &entry, sizeof(entry));
        ring->exposed[ring->next_used] = false;
        return;
    }
    u32 entry[2] = {id, bytes};
    unsigned position = ring->next_used % ring->layout.size;
    memcpy((u8 *)fake_device_memory(ring->layout.device_area) + 4 + 8 * position, entry,
           sizeof(entry));
}

/* Move past nr_entries of the used ring (split), nr_slots descriptors (packed). */
static void move_used(struct fake_ring *ring, u16 nr_entries, u16 nr_slots)
{
    if (!is_packed(ring)) {
        ring->next_used = (u16)(ring->next_used + nr_entries);
        ring->signalled = (u16)(ring->signalled + nr_entries);
        used(ring)[1] = ring->next_used;
        return;
    }
    /* Nothing is written to the rest of a list, and the driver may use it again. */
    for (unsigned i = 0; i < nr_slots; i++)
        ring->exposed[(ring->next_used + i) % ring->layout.size] = false;
    ring->signalled = (u16)(ring->signalled + nr_slots);
    ring->next_used = (u16)(ring->next_used + nr_slots);
    if (ring->next_used >= ring->layout.size) {
        ring->next_used = (u16)(ring->next_used - ring->layout.size);
        ring->used_wrap = !ring->used_wrap;
    }
}

void fake_ring_push(struct fake_ring *ring, const struct fake_buffer *buffer, u32 used_bytes)
{
    fake_ring_check(ring);
    disown(ring, buffer);
    fake_ring_push_raw(ring, buffer->id, used_bytes, buffer->nr_slots);
}

void fake_ring_push_raw(struct fake_ring *ring, u32 id, u32 used_bytes, u16 nr_slots)
{
    write_entry(ring, id, used_bytes);
    move_used(ring, 1, nr_slots);
}

static bool passed(u16 event, u16 new_index, u16 nr_new)
{
    return (u16)(new_index - event - 1) < nr_new;
}

bool fake_ring_wants_interrupt(struct fake_ring *ring)
{
    u16 nr_new = ring->signalled;

    ring->signalled = 0;
    if (nr_new == 0)
        return false;
    if (!is_packed(ring)) {
        if (!has(ring, VIRTIO_F_EVENT_IDX))
            return (avail(ring)[0] & 1) == 0;
        return passed(avail(ring)[2 + ring->layout.size], ring->next_used, nr_new);
    }
    const volatile u16 *event = halfwords(ring->layout.driver_area);
    assert_true(event[1] <= EVENT_DISABLE || has(ring, VIRTIO_F_EVENT_IDX));
    if (event[1] != EVENT_POSITION)
        return event[1] != EVENT_DISABLE;
    u16 position = event[0] & 0x7fff;
    if ((event[0] >> 15 != 0) != ring->used_wrap)
        position = (u16)(position - ring->layout.size);
    return passed(position, ring->next_used, nr_new);
}

void fake_ring_want_notify(struct fake_ring *ring, bool wanted)
{
    if (is_packed(ring)) {
        halfwords(ring->layout.device_area)[1] = (u16)(wanted ? 0 : EVENT_DISABLE);
    } else if (has(ring, VIRTIO_F_EVENT_IDX)) {
        fake_ring_set_avail_event(ring, (u16)(ring->next_avail - (wanted ? 0 : 1)));
    } else {
        used(ring)[0] = wanted ? 0 : 1;
    }
}

void fake_ring_set_avail_event(struct fake_ring *ring, u16 index)
{
    assert_true(has(ring, VIRTIO_F_EVENT_IDX));
    if (!is_packed(ring)) {
        used(ring)[2 + 4 * ring->layout.size] = index;
        return;
    }
    halfwords(ring->layout.device_area)[0] = index;
    halfwords(ring->layout.device_area)[1] = EVENT_POSITION;
}

/* ---- lies ---- */

void fake_ring_set_used_index(struct fake_ring *ring, u16 index)
{
    assert_false(is_packed(ring));
    used(ring)[1] = index;
}

void fake_ring_scribble(struct fake_ring *ring, u8 junk)
{
    memset(ring->exposed, 0, sizeof(ring->exposed));
    if (is_packed(ring)) {
        /* Used entries lie among the descriptors: spare the flags, which would make new ones. */
        for (unsigned i = 0; i < ring->layout.size; i++)
            memset((struct descriptor *)fake_device_memory(ring->layout.descriptors) + i, junk, 14);
        return;
    }
    memset(fake_device_memory(ring->layout.descriptors), junk, ring->layout.size * 16u);
    memset(fake_device_memory(ring->layout.driver_area), junk, 6 + ring->layout.size * 2u);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* extras/workload/workload_places.c against a table that is searched from end to end. */
#include "extras/workload/workload_places.h"
#include "include/units.h"
#include "tests/unit/unit.h"

#define NR_CHUNKS 200u

static struct workload_chunk chunks[NR_CHUNKS];
static struct workload_places places;
static u64 random_state = 1;

static u64 draw(u64 limit)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % limit;
}

/* A place that no chunk has; few enough that many begin their search at the same slot. */
static u64 free_place(u64 nr_held)
{
    for (;;) {
        u64 place = 4 * GIB + draw(2 * NR_CHUNKS) * 64 * KIB;
        bool taken = false;
        for (u64 i = 0; i < nr_held; i++)
            taken |= chunks[i].place == place;
        if (!taken)
            return place;
    }
}

static void check(u64 nr_held)
{
    u64 slot;
    for (u64 i = 0; i < nr_held; i++) {
        assert_true(workload_places_find(&places, chunks[i].place, &slot));
        assert_int_equal(workload_places_index(&places, slot), i);
    }
    assert_false(workload_places_find(&places, free_place(nr_held), &slot));
}

/* As the runner does: append, remove with the last one taking the place, move. */
TEST(test_random_walk)
{
    u64 nr_held = 0;
    void *memory = malloc(workload_places_bytes(NR_CHUNKS));
    workload_places_init(&places, memory, NR_CHUNKS, chunks);
    for (unsigned step = 0; step < 20000; step++) {
        u64 what = draw(3);
        u64 index = nr_held != 0 ? draw(nr_held) : 0;
        if (what == 0 && nr_held < NR_CHUNKS) {
            chunks[nr_held].place = free_place(nr_held);
            workload_places_add(&places, nr_held++);
        } else if (what == 1 && nr_held != 0) {
            workload_places_remove(&places, index);
            nr_held--;
            if (index != nr_held) {
                workload_places_remove(&places, nr_held);
                chunks[index] = chunks[nr_held];
                workload_places_add(&places, index);
            }
        } else if (nr_held != 0) {
            u64 slot;
            assert_true(workload_places_find(&places, chunks[index].place, &slot));
            chunks[index].place = free_place(nr_held);
            workload_places_move(&places, slot);
        }
        if (step % 16 == 0)
            check(nr_held);
    }
    for (u64 i = nr_held; i-- > 0;)
        workload_places_remove(&places, i);
    for (u64 i = 0; i < places.nr_slots; i++)
        assert_int_equal(places.slots[i], 0);
    free(memory);
}

TEST(test_sizes)
{
    assert_int_equal(workload_places_bytes(1), 2 * sizeof(u32));
    assert_int_equal(workload_places_bytes(4096), 8192 * sizeof(u32));
    assert_int_equal(workload_places_bytes(4097), 16384 * sizeof(u32));
}

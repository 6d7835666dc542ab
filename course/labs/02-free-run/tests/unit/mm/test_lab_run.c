/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in the 512 bits of a pageblock, against a model that looks at one bit after the other. */
#include "mm/frame_bits.h"

#include "include/units.h"
#include "tests/unit/unit.h"

#define NR_ORDERS 9 /* 0 to 8 */
#define ROUNDS    2000

static u64 words[PAGEBLOCK_WORDS];
static const char *seed;

static void set_up(void)
{
    seed = getenv("TIDE_WALK_SEED");
    srand(seed ? (unsigned)atoi(seed) : 1);
    memset(words, 0, sizeof(words));
}

static bool model_bit(const u64 *from, unsigned bit)
{
    return from[bit / 64] >> bit % 64 & 1;
}

static bool model_is(const u64 *from, unsigned first, unsigned order, bool value)
{
    for (unsigned bit = first; bit < first + (1u << order); bit++)
        if (model_bit(from, bit) != value)
            return false;
    return true;
}

static void model_write(u64 *to, unsigned first, unsigned order, bool value)
{
    for (unsigned bit = first; bit < first + (1u << order); bit++) {
        to[bit / 64] &= ~((u64)1 << bit % 64);
        to[bit / 64] |= (u64)value << bit % 64;
    }
}

static unsigned model_find(const u64 *from, unsigned order)
{
    for (unsigned first = 0; first < PAGEBLOCK_FRAMES; first += 1u << order)
        if (model_is(from, first, order, true))
            return first;
    return FRAME_BITS_NONE;
}

/* Runs of all lengths are there, and holes in them. */
static void draw_random(void)
{
    memset(words, 0, sizeof(words));
    for (unsigned i = 0; i < 24; i++) {
        unsigned order = (unsigned)rand() % NR_ORDERS;
        unsigned first = (unsigned)rand() % (PAGEBLOCK_FRAMES >> order) << order;
        model_write(words, first, order, rand() % 3 != 0);
    }
}

/* ---- within a word ---- */

TEST_WITH(masks, set_up, NULL)
{
    for (unsigned order = 0; order < FRAME_WORD_ORDER; order++) {
        u64 expected = 0;
        model_write(&expected, 0, order, true);
        if (frame_bits_mask(order) != expected)
            fail_msg("order %u: the mask is 0x%lx, expected 0x%lx", order, frame_bits_mask(order),
                     expected);
    }
}

TEST_WITH(starts_of_runs_in_a_word, set_up, NULL)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        draw_random();
        for (unsigned order = 0; order < FRAME_WORD_ORDER; order++) {
            u64 expected = 0;
            for (unsigned first = 0; first < 64; first += 1u << order)
                expected |= (u64)model_is(words, first, order, true) << first;
            u64 starts = frame_bits_run_starts(words[0], order);
            if (starts != expected)
                fail_msg("seed %s: order %u in the word 0x%lx: 0x%lx, expected 0x%lx",
                         seed ? seed : "1", order, words[0], starts, expected);
        }
    }
}

/* ---- in a pageblock ---- */

static void check_find(unsigned first_order, unsigned last_order)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        draw_random();
        for (unsigned order = first_order; order <= last_order; order++) {
            unsigned found = frame_bits_find(words, order), expected = model_find(words, order);
            if (found != expected)
                fail_msg("seed %s: order %u: found at %u, expected at %u", seed ? seed : "1", order,
                         found, expected);
        }
    }
}

TEST_WITH(finds_the_lowest_short_run, set_up, NULL)
{
    check_find(0, FRAME_WORD_ORDER - 1);
}

TEST_WITH(finds_the_lowest_run_of_words, set_up, NULL)
{
    check_find(FRAME_WORD_ORDER, NR_ORDERS - 1);
}

TEST_WITH(finds_nothing_where_nothing_is, set_up, NULL)
{
    for (unsigned order = 0; order < NR_ORDERS; order++)
        assert_int_equal(frame_bits_find(words, order), FRAME_BITS_NONE);
    assert_null(frame_bits_first_word(words));
    words[PAGEBLOCK_WORDS - 1] = (u64)1 << 63;
    assert_int_equal(frame_bits_find(words, 0), PAGEBLOCK_FRAMES - 1);
    assert_int_equal(frame_bits_find(words, 1), FRAME_BITS_NONE);
    assert_ptr_equal(frame_bits_first_word(words), &words[PAGEBLOCK_WORDS - 1]);
    words[2] = 4;
    assert_ptr_equal(frame_bits_first_word(words), &words[2]);
}

/* ---- taking and giving ---- */

/* Each in turn, on a copy that the model changes in its own way. */
static void check_change(unsigned order)
{
    u64 expected[PAGEBLOCK_WORDS];
    unsigned first = (unsigned)rand() % (PAGEBLOCK_FRAMES >> order) << order;
    u64 *word = words + first / 64;
    assert_int_equal(frame_bits_are_set(word, first % 64, order),
                     model_is(words, first, order, true));
    assert_int_equal(frame_bits_are_clear(word, first % 64, order),
                     model_is(words, first, order, false));
    memcpy(expected, words, sizeof(words));
    model_write(expected, first, order, true);
    frame_bits_set(word, first % 64, order);
    assert_memory_equal(words, expected, sizeof(words));
    model_write(expected, first, order, false);
    frame_bits_clear(word, first % 64, order);
    assert_memory_equal(words, expected, sizeof(words));
}

TEST_WITH(looks_sets_and_clears, set_up, NULL)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        draw_random();
        check_change((unsigned)rand() % NR_ORDERS);
    }
}

/* A run of which one frame is free already is not given back, and nothing changes. */
TEST_WITH(refuses_what_is_free_already, set_up, NULL)
{
    for (unsigned order = 0; order < NR_ORDERS; order++) {
        for (unsigned bit = 0; bit < 1u << order; bit += 1 + (1u << order) / 7) {
            u64 before[PAGEBLOCK_WORDS];
            unsigned first = PAGEBLOCK_FRAMES - (1u << order);
            memset(words, 0, sizeof(words));
            assert_true(frame_bits_give(words + first / 64, first % 64, order));
            assert_true(model_is(words, first, order, true));
            memset(words, 0, sizeof(words));
            model_write(words, first + bit, 0, true);
            memcpy(before, words, sizeof(words));
            if (frame_bits_give(words + first / 64, first % 64, order))
                fail_msg("order %u: given back although frame %u of it was free", order, bit);
            assert_memory_equal(words, before, sizeof(words));
        }
    }
}

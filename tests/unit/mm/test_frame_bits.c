/* SPDX-License-Identifier: BSD-2-Clause */
/* The runs of a pageblock's bits, of every order and at every place, against loops over the bits.
 */
#include <stdlib.h>
#include <string.h>

#include "include/units.h"
#include "mm/frame_bits.h"
#include "tests/unit/unit.h"

static u64 words[PAGEBLOCK_WORDS];

static bool bit_at(const u64 *bits, unsigned at)
{
    return bits[at / 64] >> at % 64 & 1;
}

static unsigned count_run(unsigned first, unsigned order)
{
    unsigned nr_set = 0;
    for (unsigned i = 0; i < 1u << order; i++)
        nr_set += bit_at(words, first + i);
    return nr_set;
}

static void check_run(unsigned first, unsigned order)
{
    unsigned nr_set = count_run(first, order);
    const u64 *word = &words[first / 64];
    assert_int_equal(frame_bits_are_set(word, first % 64, order), nr_set == 1u << order);
    assert_int_equal(frame_bits_are_clear(word, first % 64, order), nr_set == 0);
}

/* The run is all `value`, and every other bit as before. */
static void check_changed(const u64 *before, unsigned first, unsigned order, bool value)
{
    for (unsigned i = 0; i < PAGEBLOCK_FRAMES; i++) {
        bool is_in = i >= first && i < first + (1u << order);
        assert_int_equal(bit_at(words, i), is_in ? value : bit_at(before, i));
    }
}

static void change_run(unsigned first, unsigned order)
{
    u64 before[PAGEBLOCK_WORDS];
    u64 *word = &words[first / 64];
    memcpy(before, words, sizeof(words));
    bool is_clear = count_run(first, order) == 0;
    assert_int_equal(frame_bits_give(word, first % 64, order), is_clear);
    if (is_clear)
        check_changed(before, first, order, true);
    else
        assert_memory_equal(words, before, sizeof(words));
    frame_bits_set(word, first % 64, order);
    check_changed(before, first, order, true);
    memcpy(words, before, sizeof(words));
    frame_bits_clear(word, first % 64, order);
    check_changed(before, first, order, false);
}

/* All set, all clear, and each with one bit that is not, in the run and right beside it. */
TEST(test_every_run)
{
    for (unsigned order = 0; order <= 8; order++) {
        unsigned length = 1u << order;
        for (unsigned first = 0; first < PAGEBLOCK_FRAMES; first += length) {
            for (unsigned at = first - (first != 0); at <= first + length; at++) {
                for (unsigned value = 0; value < 2; value++) {
                    memset(words, value ? 0xff : 0, sizeof(words));
                    check_run(first, order);
                    if (at >= PAGEBLOCK_FRAMES)
                        continue;
                    words[at / 64] ^= (u64)1 << at % 64;
                    check_run(first, order);
                    if (at % 61 == 0 || at == first || at == first + length)
                        change_run(first, order);
                }
            }
        }
    }
}

static unsigned lowest_run(unsigned order)
{
    for (unsigned first = 0; first < PAGEBLOCK_FRAMES; first += 1u << order) {
        if (count_run(first, order) == 1u << order)
            return first;
    }
    return FRAME_BITS_NONE;
}

TEST(test_the_lowest_free_run_is_found)
{
    srand(26);
    for (unsigned round = 0; round < 20000; round++) {
        /* Mostly free in stretches, so that long runs are there as well as short ones. */
        memset(words, 0, sizeof(words));
        for (unsigned at = (unsigned)rand() % 300; at < PAGEBLOCK_FRAMES;) {
            unsigned end = at + (unsigned)rand() % 400;
            for (; at < end && at < PAGEBLOCK_FRAMES; at++)
                words[at / 64] |= (u64)1 << at % 64;
            at += (unsigned)rand() % 100;
        }
        for (unsigned order = 0; order <= 8; order++)
            assert_int_equal(frame_bits_find(words, order), lowest_run(order));
        const u64 *word = frame_bits_first_word(words);
        assert_ptr_equal(word,
                         lowest_run(0) == FRAME_BITS_NONE ? NULL : &words[lowest_run(0) / 64]);
    }
}

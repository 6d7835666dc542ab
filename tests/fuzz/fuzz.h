/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the libFuzzer targets share: an input that is taken apart from its
 * front, and a check that ends the run. Past the end an input reads as zeros.
 */
#ifndef TIDE_TESTS_FUZZ_FUZZ_H
#define TIDE_TESTS_FUZZ_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "include/types.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

struct fuzz_input {
    const u8 *data;
    size_t bytes;
    size_t at;
};

static inline bool fuzz_ended(const struct fuzz_input *input)
{
    return input->at >= input->bytes;
}

/* The next nr_bytes (at most 8) as a little-endian number. */
static inline u64 fuzz_take(struct fuzz_input *input, unsigned nr_bytes)
{
    u64 value = 0;

    for (unsigned i = 0; i < nr_bytes && !fuzz_ended(input); i++)
        value |= (u64)input->data[input->at++] << (8 * i);
    return value;
}

/* Unlike ASSERT of lib/panic.h this does not go through the code under test. */
#define FUZZ_CHECK(condition)                                                       \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                \
        }                                                                           \
    } while (0)

#endif

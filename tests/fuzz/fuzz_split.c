/* SPDX-License-Identifier: BSD-2-Clause */
/* libFuzzer target: a hostile device in a split ring. See fuzz_ring.h. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_ring.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
    fuzz_ring(data, bytes, 0);
    return 0;
}

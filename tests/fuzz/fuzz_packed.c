/* SPDX-License-Identifier: BSD-2-Clause */
/* libFuzzer target: a hostile device in a packed ring. See fuzz_ring.h. */
#include "drivers/virtio/core/virtio_spec.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_ring.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
    fuzz_ring(data, bytes, VIRTIO_FEATURE(VIRTIO_F_RING_PACKED));
    return 0;
}

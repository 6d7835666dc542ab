/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of features that are not accepted, from text. */
#include "tests/unit/unit.h"

#include "drivers/virtio/core/virtio_spec.h"
#include "extras/virtio_options/virtio_features.h"
#include "include/status.h"

#define BIT(name) VIRTIO_FEATURE(VIRTIO_F_##name)

TEST(test_features_masked_are_parsed)
{
    static const struct {
        const char *text;
        u64 masked; /* 0: refused */
    } cases[] = {
        {"-packed", BIT(RING_PACKED)},
        {"-RING_PACKED", BIT(RING_PACKED)},
        {"-Event_Idx,-indirect_desc", BIT(EVENT_IDX) | BIT(INDIRECT_DESC)},
        {"-reset", BIT(RING_RESET)},
        {"-1", 2},
        {"-0x22,-0", BIT(RING_PACKED) | 1},
        {"-63", 1ull << 63},
        {"", 0},
        {"packed", 0},
        {"+packed", 0},
        {"-", 0},
        {"-packed,", 0},
        {"-packed,event_idx", 0},
        {"-packed-event_idx", 0},
        {"-64", 0},
        {"-ring_", 0},
        {"-a_name_that_is_longer_than_any_that_is_known", 0},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        u64 masked = 1ull << 50;
        int status = virtio_features_parse(cases[i].text, &masked);
        if (status != (cases[i].masked ? OK : E_INVAL) || masked != (1ull << 50 | cases[i].masked))
            fail_msg("'%s': status %d", cases[i].text, status);
    }
}

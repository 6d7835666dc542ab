/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the command line says that virtio devices are. */
#include "tests/unit/unit.h"

#include "extras/mmio/mmio.h"
#include "include/status.h"

TEST(test_parse)
{
    static const struct {
        const char *text;
        int status;
        struct mmio_address address;
    } cases[] = {
        {"512@0xfeb00e00:12", OK, {0xfeb00e00, 512, 12}},
        {"0x200@0xfeb00e00:0xc", OK, {0xfeb00e00, 512, 12}},
        {"4K@0xd0000000:5", OK, {0xd0000000, 4096, 5}},
        {"4K@3489660928:5:0", OK, {0xd0000000, 4096, 5}}, /* as Linux takes it, with an id */
        {"4K@0xd0000000:5:", E_INVAL, {0}},
        {"4K@0xd0000000:5:x", E_INVAL, {0}},
        {"4K@0xd0000000:5:0:0", E_INVAL, {0}},
        {"4K@0xd0000000", E_INVAL, {0}},
        {"4K@0xd0000000:", E_INVAL, {0}},
        {"4K@:5", E_INVAL, {0}},
        {"@0xd0000000:5", E_INVAL, {0}},
        {"4K:5@0xd0000000", E_INVAL, {0}},
        {"", E_INVAL, {0}},
        {"4K@0xd0000000:65536", E_INVAL, {0}},
        {"4K@0xd0000000:-1", E_INVAL, {0}},
        {"4K@0xd00000000000000000000000000000:5", E_INVAL, {0}},
        {"255@0xd0000000:5", E_RANGE, {0}},
        {"4K@0:5", E_RANGE, {0}},
        {"4K@0xfffffffffffff100:5", E_RANGE, {0}},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct mmio_address parsed;
        int status = mmio_parse_address(cases[i].text, &parsed);
        if (status != cases[i].status)
            fail_msg("'%s': status %d", cases[i].text, status);
        if (status != OK)
            continue;
        assert_true(parsed.base == cases[i].address.base);
        assert_true(parsed.bytes == cases[i].address.bytes);
        assert_int_equal(parsed.irq_line, cases[i].address.irq_line);
    }
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmware's vendor, from structures that are whole, cut or wrong. No byte behind the end is
 * read. */
#include "extras/suspend/smbios.h"

#include <stdlib.h>

#include "arch/x86_64/paging.h"
#include "include/status.h"
#include "tests/unit/unit.h"

/* There is no BIOS area in a host program. */
int paging_map_firmware(paddr_t paddr, u64 bytes)
{
    (void)paddr;
    (void)bytes;
    return E_RANGE;
}

TEST(test_vendor)
{
    static const struct {
        const u8 *start;
        u32 bytes;
        const char *vendor;
    } cases[] = {
        {(const u8 *)"\0\x06\0\0\x01\x02qboot\0v1\0", 16, "qboot"},
        {(const u8 *)"\0\x06\0\0\x02\x01v1\0SeaBIOS\0", 18, "SeaBIOS"},
        {(const u8 *)"\x01\x05\0\0\x01x\0\0\0\x05\0\0\x01qboot\0", 20, "qboot"}, /* not the first */
        {(const u8 *)"\x01\x04\0\0x\0yz\0\0\0\x05\0\0\x01qboot\0", 22, "qboot"},
        {(const u8 *)"\0\x05\0\0\x00\0\0", 7, ""},         /* no string */
        {(const u8 *)"\0\x06\0\0\x00\x01v1\0", 10, ""},    /* of others */
        {(const u8 *)"\0\x05\0\0\x03one\0\0", 10, ""},     /* not so many */
        {(const u8 *)"\0\x04\0\0\0\0", 6, ""},             /* a structure without the field */
        {(const u8 *)"\0\x06\0\0\x01\x02qboot\0", 12, ""}, /* it does not end */
        {(const u8 *)"\0\xff\0\0\x01\x02", 6, ""},
        {(const u8 *)"\0\x00\0\0\x01\x02\0\0", 8, ""},
        {(const u8 *)"\x01\x04\0\0\0\0", 6, ""}, /* no structure of type 0 */
        {(const u8 *)"", 0, ""},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        u8 *exact = malloc(cases[i].bytes + (cases[i].bytes == 0)); /* ASan watches its end */
        assert_non_null(exact);
        memcpy(exact, cases[i].start, cases[i].bytes);
        assert_string_equal(smbios_find_vendor(exact, cases[i].bytes), cases[i].vendor);
        free(exact);
    }
    assert_string_equal(smbios_vendor(), "");
}

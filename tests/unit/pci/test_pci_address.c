/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI addresses from and to text. */
#include "tests/unit/unit.h"

#include "drivers/pci/pci.h"
#include "extras/slot/slot.h"
#include "include/status.h"

TEST(test_valid)
{
    static const struct {
        const char *text;
        struct pci_address address;
        const char *printed;
    } cases[] = {
        {"4", {0, 0, 4, 0}, "0000:00:04.0"},
        {"04", {0, 0, 4, 0}, "0000:00:04.0"},
        {"a", {0, 0, 0xa, 0}, "0000:00:0a.0"},
        {"A", {0, 0, 0xa, 0}, "0000:00:0a.0"},
        {"1f", {0, 0, 0x1f, 0}, "0000:00:1f.0"},
        {"1F.7", {0, 0, 0x1f, 7}, "0000:00:1f.7"},
        {"0.0", {0, 0, 0, 0}, "0000:00:00.0"},
        {"2:4", {0, 2, 4, 0}, "0000:02:04.0"},
        {"ff:1f.7", {0, 0xff, 0x1f, 7}, "0000:ff:1f.7"},
        {"1:2:3", {1, 2, 3, 0}, "0001:02:03.0"},
        {"ABCD:eF:1e.1", {0xabcd, 0xef, 0x1e, 1}, "abcd:ef:1e.1"},
        {"0000:00:04.0", {0, 0, 4, 0}, "0000:00:04.0"},
        {"ffff:ff:1f.7", {0xffff, 0xff, 0x1f, 7}, "ffff:ff:1f.7"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct pci_address address = {9, 9, 9, 9};
        assert_int_equal(pci_parse_address(cases[i].text, &address), OK);
        assert_int_equal(address.segment, cases[i].address.segment);
        assert_int_equal(address.bus, cases[i].address.bus);
        assert_int_equal(address.device, cases[i].address.device);
        assert_int_equal(address.function, cases[i].address.function);
        char text[PCI_ADDRESS_TEXT_BYTES];
        assert_string_equal(pci_address_text(address, text), cases[i].printed);
    }
}

TEST(test_invalid)
{
    static const char *const cases[] = {
        "",      " ",       "x",         "4 ",        " 4",        "20",         "4.8",
        "4.",    ".0",      ":4",        "4:",        "100:4",     "1:2:",       "::4",
        "1::4",  "1:2:3:4", "10000:0:4", "00000:0:4", "0:00000:4", "-4",         "0x4",
        "4.0.0", "4.1:0",   "4,0",       "04.00000",  "0:0:4.0x",  "ffff:ff:ff", "g",
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct pci_address address = {9, 9, 9, 1};
        const struct pci_address before = address;
        if (pci_parse_address(cases[i], &address) != E_INVAL)
            fail_msg("'%s' was accepted", cases[i]);
        assert_memory_equal(&address, &before, sizeof(address));
    }
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The library's own text: conversions, names of errors, numbers. */
#include "tests/unit/unit.h"

#include "drivers/virtio/core/text.h"
#include "drivers/virtio/include/vmem/error.h"
#include "include/types.h"

#define expect_text(expected, ...)                                    \
    do {                                                              \
        char text[64];                                                \
        size_t length = vmem_format(text, sizeof(text), __VA_ARGS__); \
        assert_string_equal(text, expected);                          \
        assert_int_equal(length, strlen(expected));                   \
    } while (0)

TEST(test_conversions)
{
    expect_text("-1 0 2147483647", "%d %d %d", -1, 0, 2147483647);
    expect_text("-2147483648", "%d", (int)(-2147483647 - 1));
    expect_text("4294967295 ffffffff 0", "%u %x %u", ~0u, ~0u, 0u);
    expect_text("18446744073709551615 deadbeef01234567", "%llu %llx", vmem_llu(~(u64)0),
                vmem_llu(0xdeadbeef01234567));
    expect_text("   7|0007|abc|00abc|12345", "%4u|%04u|%2x|%05x|%3u", 7u, 7u, 0xabcu, 0xabcu,
                12345u);
    expect_text("ab  |abcde|c|%", "%4s|%3s|%c|%%", "ab", "abcde", 'c');
}

TEST(test_what_does_not_fit)
{
    char text[8] = "xxxxxxx";
    assert_int_equal(vmem_format(text, 4, "%s%u", "ab", 345u), 5);
    assert_string_equal(text, "ab3");
    assert_string_equal(text + 4, "xxx");
    assert_int_equal(vmem_format(text, 0, "%u", 12u), 2);
    assert_string_equal(text, "ab3");
    assert_int_equal(vmem_format(text, 1, "%u", 12u), 2);
    assert_string_equal(text, "");
}

TEST(test_error_names)
{
    assert_string_equal(vmem_error_name(VMEM_OK), "ok");
    assert_string_equal(vmem_error_name(VMEM_E_INVAL), "inval");
    assert_string_equal(vmem_error_name(VMEM_E_AGAIN), "again");
    assert_string_equal(vmem_error_name(VMEM_E_AGAIN - 1), "unknown");
    assert_string_equal(vmem_error_name(1), "unknown");
}

TEST(test_equal)
{
    assert_true(vmem_text_equal("", ""));
    assert_true(vmem_text_equal("packed", "packed"));
    assert_false(vmem_text_equal("packed", "pack"));
    assert_false(vmem_text_equal("pack", "packed"));
    assert_false(vmem_text_equal("packed", "packet"));
}

TEST(test_numbers)
{
    static const struct {
        const char *text;
        u64 number;
    } good[] = {
        {"0", 0},
        {"9", 9},
        {"10", 10},
        {"0x0", 0},
        {"0xaf09", 0xaf09},
        {"0XAF90", 0xaf90},
        {"007", 7},
        {"18446744073709551615", ~(u64)0},
        {"0xffffffffffffffff", ~(u64)0},
    };
    static const char *const bad[] = {
        "",
        "0x",
        "-1",
        "+1",
        " 1",
        "1 ",
        "a",
        "1f",
        "0xg",
        "0xG",
        "0x`",
        "0x@",
        "/",
        ":",
        "x1",
        "18446744073709551616",
        "0x10000000000000000",
    };
    for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
        u64 number = 1;
        assert_int_equal(vmem_parse_number(good[i].text, &number), VMEM_OK);
        assert_int_equal(number, good[i].number);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        u64 number = 1;
        assert_int_equal(vmem_parse_number(bad[i], &number), VMEM_E_INVAL);
        assert_int_equal(number, 1);
    }
}

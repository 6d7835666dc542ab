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

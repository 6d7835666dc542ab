/* SPDX-License-Identifier: BSD-2-Clause */
/* The library's own text: conversions, names of errors, numbers. */
#include <stdio.h>

#include "tests/unit/unit.h"

#include "drivers/virtio/core/text.h"
#include "drivers/virtio/include/vmem/error.h"
#include "drivers/virtio/include/vmem/format.h"
#include "include/types.h"

#define SAME(...)                                                         \
    do {                                                                  \
        char ours[200], theirs[200];                                      \
        size_t our_length = vmem_format(ours, sizeof(ours), __VA_ARGS__); \
        int their_length = snprintf(theirs, sizeof(theirs), __VA_ARGS__); \
        assert_string_equal(ours, theirs);                                \
        assert_int_equal(our_length, their_length);                       \
    } while (0)

TEST(test_like_libc)
{
    SAME("plain, %%, %c|%3c|%-3c|", 'a', 'b', 'c');
    SAME("%s|%10s|%-10s|%.2s|%*s", "one", "two", "three", "four", 6, "five");
    SAME("%d %d %d %5d|%-5d|%05d", 0, -1, 2147483647, 42, -42, -42);
    SAME("%d %u %x %x", -2147483647 - 1, 4294967295u, 0xbeef, 0);
    SAME("%lu %ld %llx %zu", 18446744073709551615ul, -9223372036854775807l, 0x123456789abcdefull,
         (size_t)5);
    SAME("%016lx|%10x|%010x", 0xabcul, 17, 17);
    SAME("%-*d|%.*s", 5, 12, 2, "abcdef");
    SAME("%4u|%04u|%2x|%05x|%3u", 7u, 7u, 0xabcu, 0xabcu, 12345u);
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
    const char *volatile nothing = NULL;
    assert_int_equal(vmem_format(text, sizeof(text), "%.9s", nothing), 6);
    assert_string_equal(text, "(null)");
}

TEST(test_error_names)
{
    assert_string_equal(vmem_error_name(VMEM_OK), "ok");
    assert_string_equal(vmem_error_name(VMEM_E_INVAL), "inval");
    assert_string_equal(vmem_error_name(VMEM_E_AGAIN), "again");
    assert_string_equal(vmem_error_name(VMEM_E_AGAIN - 1), "unknown");
    assert_string_equal(vmem_error_name(1), "unknown");
}

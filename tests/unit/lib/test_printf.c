/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's printf and string functions, compiled under other names and
 * compared with the C library's.
 */
#include <stdio.h>

#include "tests/unit/unit.h"

#define vsnprintf kernel_vsnprintf
#define snprintf  kernel_snprintf
#define memcpy    kernel_memcpy
#define memmove   kernel_memmove
#define memset    kernel_memset
#define memcmp    kernel_memcmp
#define strlen    kernel_strlen
#define strnlen   kernel_strnlen
#define strcmp    kernel_strcmp
#define strncmp   kernel_strncmp
#define strchr    kernel_strchr
#include "lib/printf.c"
#include "lib/string.c"
#undef vsnprintf
#undef snprintf
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

#define SAME(...)                                                          \
    do {                                                                   \
        char ours[200], theirs[200];                                       \
        int our_length = kernel_snprintf(ours, sizeof(ours), __VA_ARGS__); \
        int their_length = snprintf(theirs, sizeof(theirs), __VA_ARGS__);  \
        assert_string_equal(ours, theirs);                                 \
        assert_int_equal(our_length, their_length);                        \
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
}

TEST(test_truncates)
{
    char text[6];
    assert_int_equal(kernel_snprintf(text, sizeof(text), "%s", "0123456789"), 10);
    assert_string_equal(text, "01234");
    assert_int_equal(kernel_snprintf(NULL, 0, "%d", 1234), 4);
    const char *volatile nothing = NULL;
    assert_int_equal(kernel_snprintf(text, sizeof(text), "%s", nothing), 6);
    assert_string_equal(text, "(null");
}

TEST(test_strings)
{
    char text[40] = "0123456789abcdefghij";
    char same[40] = "0123456789abcdefghij";
    kernel_memmove(text + 3, text, 15);
    memmove(same + 3, same, 15);
    assert_memory_equal(text, same, sizeof(text));
    kernel_memmove(text, text + 5, 20);
    memmove(same, same + 5, 20);
    assert_memory_equal(text, same, sizeof(text));
    kernel_memset(text + 1, 'z', 19);
    memset(same + 1, 'z', 19);
    assert_memory_equal(text, same, sizeof(text));
    assert_true(kernel_memcmp("abc", "abd", 3) < 0 && kernel_memcmp("abc", "abd", 2) == 0);
    assert_true(kernel_strcmp("a", "ab") < 0 && kernel_strcmp("b", "ab") > 0);
    assert_int_equal(kernel_strcmp("same", "same"), 0);
    assert_int_equal(kernel_strncmp("abX", "abY", 2), 0);
    assert_int_equal(kernel_strlen("four"), 4);
    assert_int_equal(kernel_strnlen("four", 2), 2);
    assert_ptr_equal(kernel_strchr(same, 'q'), NULL);
    assert_ptr_equal(kernel_strchr(same, '\0'), same + strlen(same));
    assert_ptr_equal(kernel_strchr(same, 'z'), same + 1);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's string functions, compiled under other names and
 * compared with the C library's.
 */
#include "tests/unit/unit.h"

#define memcpy  kernel_memcpy
#define memmove kernel_memmove
#define memset  kernel_memset
#define memcmp  kernel_memcmp
#define strlen  kernel_strlen
#define strnlen kernel_strnlen
#define strcmp  kernel_strcmp
#define strncmp kernel_strncmp
#define strchr  kernel_strchr
#include "lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

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

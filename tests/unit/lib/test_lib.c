/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lib/: what a user's text means (sizes, options, log levels), and the bit
 * arrays. Tables of input and result where cases are alike.
 */

#include "extras/cmdline/cmdline.h"
#include "extras/log/log_option.h"
#include "extras/sizes/sizes.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/bitmap.h"
#include "lib/console.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/parse.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

TEST(test_parse_size)
{
    static const struct {
        const char *text;
        int status;
        u64 bytes;
    } cases[] = {
        {"0", OK, 0},
        {"4096", OK, 4096},
        {"0x1000", OK, 4096},
        {"2M", OK, 2 * MIB},
        {"2m", OK, 2 * MIB},
        {"3MiB", OK, 3 * MIB},
        {"1G", OK, GIB},
        {"1TB", OK, TIB},
        {"12B", OK, 12},
        {"18446744073709551615", OK, UINT64_MAX},
        {"18446744073709551616", E_RANGE, 0},
        {"16777216T", E_RANGE, 0},
        {"", E_INVAL, 0},
        {"M", E_INVAL, 0},
        {"0x", E_INVAL, 0},
        {"-1", E_INVAL, 0},
        {"1 M", E_INVAL, 0},
        {"1MM", E_INVAL, 0},
        {"1.5G", E_INVAL, 0},
        {"12Z", E_INVAL, 0},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        u64 bytes = 77;
        int status = parse_size(cases[i].text, &bytes);
        if (status != cases[i].status || bytes != (status == OK ? cases[i].bytes : 77))
            fail_msg("'%s': status %d, %lu bytes", cases[i].text, status, (unsigned long)bytes);
    }
}

TEST(test_parse_u64)
{
    u64 value = 7;
    assert_int_equal(parse_u64("0xFf", &value), OK);
    assert_int_equal(value, 255);
    assert_int_equal(parse_u64("1K", &value), E_INVAL);
    assert_int_equal(parse_u64("0x10000000000000000", &value), E_RANGE);
    assert_int_equal(value, 255);
}

TEST(test_format_size)
{
    char text[24];
    assert_string_equal(format_size(0, text, sizeof(text)), "0");
    assert_string_equal(format_size(1536 * KIB, text, sizeof(text)), "1536K");
    assert_string_equal(format_size(2 * MIB, text, sizeof(text)), "2M");
    assert_string_equal(format_size(TIB, text, sizeof(text)), "1T");
    assert_string_equal(format_size(4097, text, sizeof(text)), "4097");
}

TEST(test_cmdline)
{
    static const struct {
        const char *key;
        const char *value;
        bool has_value;
    } expected[] = {
        {"quiet", "", false},          {"log", "vmem:debug", true}, {"run", "alloc 1M; exit", true},
        {"empty", "", true},           {"a", "b=c", true},          {"run", "x y", true},
        {"last", "unclosed to", true},
    };
    const char *cursor = "  quiet log=vmem:debug\trun=\"alloc 1M; exit\" empty= a=b=c "
                         "\"run=x y\" last=\"unclosed to";
    struct cmdline_option option;
    for (unsigned i = 0; i < ARRAY_SIZE(expected); i++) {
        assert_true(cmdline_next(&cursor, &option));
        assert_string_equal(option.key, expected[i].key);
        assert_string_equal(option.value, expected[i].value);
        assert_int_equal(option.has_value, expected[i].has_value);
        assert_false(option.truncated);
    }
    assert_false(cmdline_next(&cursor, &option));
}

TEST(test_cmdline_truncates)
{
    char line[OPTION_VALUE_BYTES + 32] = "key=";
    memset(line + 4, 'x', OPTION_VALUE_BYTES);
    const char *cursor = line;
    struct cmdline_option option;
    assert_true(cmdline_next(&cursor, &option));
    assert_true(option.truncated);
    assert_int_equal(strlen(option.value), OPTION_VALUE_BYTES - 1);
    assert_false(cmdline_next(&cursor, &option));
}

TEST(test_log_configure)
{
    assert_int_equal(log_configure("warning"), OK);
    assert_int_equal(log_levels[LOG_PCI], LOG_LEVEL_WARNING);
    assert_int_equal(log_configure("pci:trace"), OK);
    assert_int_equal(log_levels[LOG_PCI], LOG_LEVEL_TRACE);
    assert_int_equal(log_levels[LOG_MM], LOG_LEVEL_WARNING);
    static const char *const malformed[] = {"", "loud", "pci:", ":info", "pci:loud", "disk:info"};
    for (unsigned i = 0; i < ARRAY_SIZE(malformed); i++)
        assert_int_equal(log_configure(malformed[i]), E_INVAL);
    assert_int_equal(log_levels[LOG_PCI], LOG_LEVEL_TRACE);
    assert_int_equal(log_configure("info"), OK);
}

TEST(test_log_lines)
{
    fake_console_clear();
    log_info(LOG_PCI, NULL, "found %d", 3);
    log_error(LOG_VMEM, "vmem0", "no");
    log_debug(LOG_VMEM, "vmem0", "not shown");
    assert_string_equal(fake_console(), "pci: found 3\nvmem0: error: no\n");

    char longer[600];
    memset(longer, 'y', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    fake_console_clear();
    log_warning(LOG_MM, NULL, "%s", longer);
    size_t length = strlen(fake_console());
    assert_in_range(length, 300, 330);
    assert_int_equal(fake_console()[length - 1], '\n');
}

TEST(test_console_answer)
{
    fake_console_clear();
    console_answer("@7");
    console_printf("first\n  %s", "sec");
    log_write(LOG_PCI, LOG_LEVEL_INFO, NULL, "found 3");
    console_printf("ond\n");
    log_write(LOG_PCI, LOG_LEVEL_INFO, NULL, "found 4");
    console_printf("\n");
    console_answer(NULL);
    console_printf("other\n");
    assert_string_equal(fake_console(), "@7 first\n@7   sec\npci: found 3\n@7+ond\npci: found 4\n"
                                        "@7 \nother\n");
}

TEST(test_console_answer_ends_with_a_panic)
{
    console_answer("@7");
    console_printf("cut");
    assert_panics(panic("told apart"), "\npanic: told apart");
    console_printf("\n");
}

TEST(test_status_names)
{
    assert_string_equal(status_name(OK), "ok");
    assert_string_equal(status_name(E_AGAIN), "again");
    assert_string_equal(status_name(E_NOMEM), "nomem");
    assert_string_equal(status_name(1), "unknown");
    assert_string_equal(status_name(-99), "unknown");
}

TEST(test_panic_says_why)
{
    assert_panics(panic("block %d lost", 4), "panic: block 4 lost");
    assert_panics(ASSERT(1 == 2), "assertion failed: 1 == 2");
}

/* Every operation against a bool a bit, on random ranges. */
TEST(test_bitmap_random)
{
    enum { BITS = 300 };
    u64 bitmap[BITMAP_WORDS(BITS)] = {0};
    bool model[BITS] = {false};
    srand(1);
    for (unsigned step = 0; step < 5000; step++) {
        u64 first = (u64)rand() % BITS;
        u64 count = (u64)rand() % (BITS - first + 1);
        bool set = rand() % 2 != 0;
        if (set)
            bitmap_set_range(bitmap, first, count);
        else
            bitmap_clear_range(bitmap, first, count);
        for (u64 i = first; i < first + count; i++)
            model[i] = set;

        u64 from = (u64)rand() % (BITS + 1);
        u64 next_set = from;
        u64 next_clear = from;
        u64 ones = 0;
        while (next_set < BITS && !model[next_set])
            next_set++;
        while (next_clear < BITS && model[next_clear])
            next_clear++;
        for (u64 i = first; i < BITS; i++)
            ones += model[i];
        assert_int_equal(bitmap_find_set(bitmap, BITS, from), next_set);
        assert_int_equal(bitmap_find_clear(bitmap, BITS, from), next_clear);
        assert_int_equal(bitmap_count_range(bitmap, first, BITS - first), ones);
        assert_int_equal((int)(bitmap[first / 64] >> first % 64 & 1), model[first]);
    }
}

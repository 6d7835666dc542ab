/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The monitor's line editor: keys in, line out; and what the terminal shows,
 * by a terminal model that understands '\b', '\n' and printable characters.
 */
#include "extras/line_edit/line_edit.h"
#include "monitor/line.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

#define UP    "\x1b[A"
#define DOWN  "\x1b[B"
#define RIGHT "\x1b[C"
#define LEFT  "\x1b[D"

#define CTRL_LEFT  "\x1b[1;5D"
#define CTRL_RIGHT "\x1b[1;5C"

static size_t line_length;

/* Feed all keys; the last line that was completed is in `line`. Returns how many were. */
static unsigned feed(struct line_editor *editor, const char *keys, char *line)
{
    unsigned completed = 0;
    for (; *keys != '\0'; keys++) {
        if (line_feed(editor, *keys, line, &line_length))
            completed++;
    }
    return completed;
}

TEST(test_keys)
{
    static const struct {
        const char *keys;
        const char *line;
    } cases[] = {
        {"help\r", "help"},
        {"hlp" LEFT LEFT "e\r", "help"},
        {"helpp\x7f\r", "help"},
        {"helpp\b\r", "help"},
        {"\x7f" LEFT "x" RIGHT RIGHT "y\r", "xy"},
        {"two words\x17one\r", "two one"},
        {"two words  \x17\x17one\r", "one"},
        {"gone\x15kept\r", "kept"},
        {"middle\x01>\x05<\r", ">middle<"},
        {"abc\x1b[H\x1b[3~\r", "bc"},
        {"abc\x1b[1~x\x1b[4~y\r", "xabcy"},
        {"lost\x03new\r", "new"},
        {"tab\tand\x01\x02nul\r", "nultaband"},
        {"\x1b[99zok\r", "ok"},
        {"one two" CTRL_LEFT "x" CTRL_RIGHT "y\r", "one xtwoy"},
        {"one two" CTRL_LEFT CTRL_LEFT CTRL_LEFT ">" CTRL_RIGHT "<\r", ">one< two"},
        {"one two" CTRL_RIGHT CTRL_LEFT CTRL_LEFT CTRL_RIGHT CTRL_RIGHT CTRL_RIGHT "!\r",
         "one two!"},
        {"a\x1b[3;5~\x1b[15~\x1b[200~b\x1b[201~\x1b[1;2P\x1b[?25h\x1b[0 qc\r", "abc"},
        {"a\x1b[1;2;3;4;5;6;7;8;999999999999Zb\r", "ab"},
        {"a\x1bOP\x1bOQ\x1bxb\x1b\x1b[Dc\r", "acb"},
        {"ab\x1b[1;\r", "ab"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct line_editor editor;
        char line[LINE_BYTES] = "";
        line_edit_reset();
        line_init(&editor, "> ");
        assert_int_equal(feed(&editor, cases[i].keys, line), 1);
        assert_string_equal(line, cases[i].line);
    }
}

TEST(test_return_newline_is_one_key)
{
    struct line_editor editor;
    char line[LINE_BYTES];
    line_edit_reset();
    line_init(&editor, "> ");
    assert_int_equal(feed(&editor, "a\r\nb\nc\r", line), 3);
    assert_string_equal(line, "c");
    assert_int_equal(feed(&editor, "\r\n\n", line), 2);
}

TEST(test_history)
{
    struct line_editor editor;
    char line[LINE_BYTES];
    line_edit_reset();
    line_init(&editor, "> ");
    feed(&editor, "first\rsecond\r\r", line);
    feed(&editor, UP "\r", line);
    assert_string_equal(line, "second");
    feed(&editor, UP UP UP "\r", line);
    assert_string_equal(line, "first");
    feed(&editor, UP UP DOWN "!\r", line);
    assert_string_equal(line, "first!");
    feed(&editor, UP DOWN "\r", line);
    assert_string_equal(line, "");
    for (unsigned i = 0; i < LINE_HISTORY + 3; i++)
        feed(&editor, "many\r", line);
    for (unsigned i = 0; i < LINE_HISTORY + 3; i++)
        feed(&editor, UP, line);
    feed(&editor, "\r", line);
    assert_string_equal(line, "many");
}

static void type_many(struct line_editor *editor, char character, unsigned count)
{
    char line[LINE_BYTES];
    while (count-- > 0)
        assert_false(line_feed(editor, character, line, &line_length));
}

TEST(test_too_long)
{
    struct line_editor editor;
    char line[LINE_BYTES] = "";
    line_edit_reset();
    line_init(&editor, "> ");
    type_many(&editor, 'x', LINE_BYTES - 1);
    assert_true(line_feed(&editor, '\r', line, &line_length));
    assert_int_equal(strlen(line), LINE_BYTES - 1);

    assert_int_equal(line_length, LINE_BYTES - 1);

    type_many(&editor, 'x', LINE_BYTES);
    assert_int_equal(feed(&editor, LEFT UP "\x01\x17\r", line), 1);
    assert_int_equal(line_length, LINE_BYTES);
    assert_int_equal(strlen(line), LINE_BYTES - 1);
    assert_int_equal(feed(&editor, "next\r", line), 1);
    assert_string_equal(line, "next");
    assert_int_equal(feed(&editor, UP UP "\r", line), 1); /* it is not remembered */
    assert_int_equal(strlen(line), LINE_BYTES - 1);
}

TEST(test_too_long_made_shorter)
{
    struct line_editor editor;
    char line[LINE_BYTES] = "";
    line_edit_reset();
    line_init(&editor, "> ");
    feed(&editor, "ab" LEFT, line);
    type_many(&editor, 'x', LINE_BYTES + 50); /* between a and b */
    type_many(&editor, '\x7f', LINE_BYTES + 48);
    assert_int_equal(feed(&editor, "\r", line), 1);
    assert_string_equal(line, "axxb");

    type_many(&editor, 'x', 2 * LINE_BYTES);
    assert_int_equal(feed(&editor, "\x15gone\r", line), 1);
    assert_string_equal(line, "gone");
    type_many(&editor, 'x', 2 * LINE_BYTES);
    assert_int_equal(feed(&editor, "\x03gone too\r", line), 1);
    assert_string_equal(line, "gone too");
}

/* What a terminal shows of the console's output on its last line. */
static void last_line_shown(char *shown, size_t bytes)
{
    size_t column = 0;
    size_t length = 0;
    memset(shown, 0, bytes);
    for (const char *output = fake_console(); *output != '\0'; output++) {
        if (*output == '\n') {
            memset(shown, 0, bytes);
            column = length = 0;
        } else if (*output == '\b') {
            assert_true(column > 0);
            column--;
        } else {
            assert_true(column < bytes);
            shown[column++] = *output;
            length = column > length ? column : length;
        }
    }
    while (length > 0 && shown[length - 1] == ' ')
        shown[--length] = '\0';
}

TEST(test_what_is_shown)
{
    struct line_editor editor;
    char line[LINE_BYTES];
    char shown[2 * LINE_BYTES];
    line_edit_reset();
    line_init(&editor, "> ");
    fake_console_clear();
    line_show(&editor);
    feed(&editor,
         "alloc 1G" LEFT LEFT LEFT "\x17"
         "free",
         line);
    last_line_shown(shown, sizeof(shown));
    assert_string_equal(shown, "> free 1G");
    fake_console_clear();
    line_show(&editor);
    feed(&editor, "X", line);
    last_line_shown(shown, sizeof(shown));
    assert_string_equal(shown, "> freeX 1G");
    feed(&editor, "\x15", line);
    last_line_shown(shown, sizeof(shown));
    assert_string_equal(shown, ">  1G");
}

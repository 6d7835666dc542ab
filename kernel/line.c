/* SPDX-License-Identifier: BSD-2-Clause */
/* See line.h. After an edit the rest of the line is written again from the cursor on. */
#include "kernel/line.h"

#include "lib/console.h"
#include "lib/string.h"

enum { KEY_BACKSPACE = 8, KEY_ESCAPE = 27, KEY_DELETE = 127 };

#define CONTROL(letter) ((letter)&0x1f)

void line_init(struct line_editor *editor, const char *prompt)
{
    memset(editor, 0, sizeof(*editor));
    editor->prompt = prompt;
}

static void echo(const char *text)
{
    console_write(text, strlen(text));
}

static void echo_repeated(char character, size_t count)
{
    while (count-- > 0)
        console_write(&character, 1);
}

void line_show(const struct line_editor *editor)
{
    echo(editor->prompt);
    echo(editor->text);
    echo_repeated('\b', editor->length - editor->cursor);
}

/* Write what follows the cursor, blanks over what was there before, and step back. */
static void redraw_tail(const struct line_editor *editor, size_t nr_stale)
{
    echo(editor->text + editor->cursor);
    echo_repeated(' ', nr_stale);
    echo_repeated('\b', editor->length - editor->cursor + nr_stale);
}

static void move_cursor(struct line_editor *editor, size_t to)
{
    for (; editor->cursor > to; editor->cursor--)
        echo("\b");
    for (; editor->cursor < to; editor->cursor++)
        console_write(&editor->text[editor->cursor], 1);
}

static void insert(struct line_editor *editor, char character)
{
    if (editor->length + 1 >= LINE_BYTES)
        return;
    memmove(editor->text + editor->cursor + 1, editor->text + editor->cursor,
            editor->length - editor->cursor + 1);
    editor->text[editor->cursor] = character;
    editor->length++;
    console_write(&character, 1);
    editor->cursor++;
    redraw_tail(editor, 0);
}

/* Remove [from, cursor). */
static void erase_back_to(struct line_editor *editor, size_t from)
{
    size_t count = editor->cursor - from;
    move_cursor(editor, from);
    memmove(editor->text + from, editor->text + from + count, editor->length - from - count + 1);
    editor->length -= count;
    redraw_tail(editor, count);
}

static void erase_forward(struct line_editor *editor)
{
    if (editor->cursor == editor->length)
        return;
    move_cursor(editor, editor->cursor + 1);
    erase_back_to(editor, editor->cursor - 1);
}

static void erase_word(struct line_editor *editor)
{
    size_t from = editor->cursor;
    while (from > 0 && editor->text[from - 1] == ' ')
        from--;
    while (from > 0 && editor->text[from - 1] != ' ')
        from--;
    erase_back_to(editor, from);
}

static void replace_text(struct line_editor *editor, const char *text)
{
    move_cursor(editor, editor->length);
    erase_back_to(editor, 0);
    editor->length = strlen(text);
    memcpy(editor->text, text, editor->length + 1);
    move_cursor(editor, editor->length);
}

static void show_history(struct line_editor *editor, unsigned back)
{
    if (back > editor->history_length)
        return;
    editor->history_back = back;
    unsigned index = (editor->history_next + LINE_HISTORY - back) % LINE_HISTORY;
    replace_text(editor, back == 0 ? "" : editor->history[index]);
}

static void remember(struct line_editor *editor)
{
    if (editor->length == 0)
        return;
    memcpy(editor->history[editor->history_next], editor->text, editor->length + 1);
    editor->history_next = (editor->history_next + 1) % LINE_HISTORY;
    if (editor->history_length < LINE_HISTORY)
        editor->history_length++;
}

static void clear(struct line_editor *editor)
{
    editor->text[0] = '\0';
    editor->length = editor->cursor = 0;
    editor->history_back = 0;
}

/* The final character of ESC [ ..., with the digit before it if there was one. */
static void escape_key(struct line_editor *editor, char final)
{
    if (final == '~')
        final = editor->escape_digit == '3'   ? 'P'
                : editor->escape_digit == '1' ? 'H'
                : editor->escape_digit == '4' ? 'F'
                                              : '~';
    switch (final) {
    case 'A':
        show_history(editor, editor->history_back + 1);
        break;
    case 'B':
        if (editor->history_back > 0)
            show_history(editor, editor->history_back - 1);
        break;
    case 'C':
        if (editor->cursor < editor->length)
            move_cursor(editor, editor->cursor + 1);
        break;
    case 'D':
        if (editor->cursor > 0)
            move_cursor(editor, editor->cursor - 1);
        break;
    case 'H':
        move_cursor(editor, 0);
        break;
    case 'F':
        move_cursor(editor, editor->length);
        break;
    case 'P':
        erase_forward(editor);
        break;
    default:
        break;
    }
}

/* True while the byte belonged to an escape sequence. */
static bool feed_escape(struct line_editor *editor, char input)
{
    switch (editor->escape) {
    case 0:
        if (input != KEY_ESCAPE)
            return false;
        editor->escape = 1;
        return true;
    case 1:
        editor->escape = input == '[' || input == 'O' ? 2 : 0;
        return true;
    default:
        if (input >= '0' && input <= '9') {
            editor->escape_digit = input;
            editor->escape = 3;
            return true;
        }
        escape_key(editor, input);
        editor->escape = 0;
        editor->escape_digit = 0;
        return true;
    }
}

static void edit(struct line_editor *editor, char input)
{
    switch (input) {
    case KEY_BACKSPACE:
    case KEY_DELETE:
        if (editor->cursor > 0)
            erase_back_to(editor, editor->cursor - 1);
        break;
    case CONTROL('A'):
        move_cursor(editor, 0);
        break;
    case CONTROL('E'):
        move_cursor(editor, editor->length);
        break;
    case CONTROL('U'):
        erase_back_to(editor, 0);
        break;
    case CONTROL('W'):
        erase_word(editor);
        break;
    case CONTROL('C'):
        echo("^C\n");
        clear(editor);
        line_show(editor);
        break;
    case CONTROL('L'):
        echo("\n");
        line_show(editor);
        break;
    default:
        if (input >= ' ' && input <= '~')
            insert(editor, input);
        break;
    }
}

bool line_feed(struct line_editor *editor, char input, char *line)
{
    bool second_half = input == '\n' && editor->after_return;
    editor->after_return = input == '\r';
    if (second_half || feed_escape(editor, input))
        return false;
    if (input != '\r' && input != '\n') {
        edit(editor, input);
        return false;
    }
    echo("\n");
    remember(editor);
    memcpy(line, editor->text, editor->length + 1);
    clear(editor);
    return true;
}

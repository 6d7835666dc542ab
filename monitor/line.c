/* SPDX-License-Identifier: BSD-2-Clause */
/* See line.h. After an edit the rest of the line is written again from the cursor on. */
#include "monitor/line.h"

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
    if (editor->length + 1 >= LINE_BYTES) {
        editor->nr_excess++;
        return;
    }
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

/* Where the word begins that the cursor is in or behind. */
static size_t word_before(const struct line_editor *editor)
{
    size_t at = editor->cursor;
    while (at > 0 && editor->text[at - 1] == ' ')
        at--;
    while (at > 0 && editor->text[at - 1] != ' ')
        at--;
    return at;
}

/* Where the word ends that the cursor is in or before. */
static size_t word_after(const struct line_editor *editor)
{
    size_t at = editor->cursor;
    while (editor->text[at] == ' ')
        at++;
    while (editor->text[at] != '\0' && editor->text[at] != ' ')
        at++;
    return at;
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
    editor->nr_excess = 0;
    editor->history_back = 0;
}

/* A key that sends ESC [ and one letter, alone or with Ctrl. */
static void letter_key(struct line_editor *editor, char letter, bool control)
{
    switch (letter) {
    case 'A':
        show_history(editor, editor->history_back + 1);
        break;
    case 'B':
        if (editor->history_back > 0)
            show_history(editor, editor->history_back - 1);
        break;
    case 'C':
        if (editor->cursor < editor->length)
            move_cursor(editor, control ? word_after(editor) : editor->cursor + 1);
        break;
    case 'D':
        if (editor->cursor > 0)
            move_cursor(editor, control ? word_before(editor) : editor->cursor - 1);
        break;
    case 'H':
        move_cursor(editor, 0);
        break;
    case 'F':
        move_cursor(editor, editor->length);
        break;
    default:
        break;
    }
}

/* The second parameter of a key is 1 and its modifiers: 4 is Ctrl. */
static void sequence_key(struct line_editor *editor, char final)
{
    unsigned modifiers = editor->parameters[1] == 0 ? 0 : editor->parameters[1] - 1;

    if (editor->nr_excess > 0)
        return;
    if (final != '~')
        letter_key(editor, final, (modifiers & 4) != 0);
    else if (editor->parameters[0] == 3)
        erase_forward(editor);
    else if (editor->parameters[0] == 1 || editor->parameters[0] == 7)
        move_cursor(editor, 0);
    else if (editor->parameters[0] == 4 || editor->parameters[0] == 8)
        move_cursor(editor, editor->length);
}

static void begin_sequence(struct line_editor *editor)
{
    editor->escape = LINE_SEQUENCE;
    editor->nr_parameters = 0;
    memset(editor->parameters, 0, sizeof(editor->parameters));
}

/* ECMA-48: parameters and intermediate characters are 0x20 to 0x3f, and the first one beyond ends
 * the sequence. A parameter is a number, and ';' stands between two. */
static void feed_sequence(struct line_editor *editor, char input)
{
    if (input >= '0' && input <= '9') {
        if (editor->nr_parameters < LINE_PARAMETERS) {
            unsigned *parameter = &editor->parameters[editor->nr_parameters];
            *parameter = (*parameter * 10 + (unsigned)(input - '0')) % 1000;
        }
    } else if (input == ';') {
        editor->nr_parameters++;
    } else if (input >= '@' && input <= '~') {
        editor->escape = LINE_NO_ESCAPE;
        sequence_key(editor, input);
    } else if (input < ' ' || input > '~') {
        editor->escape = LINE_NO_ESCAPE;
    }
}

/* True while the byte belonged to an escape sequence. The end of a line always ends the line. */
static bool feed_escape(struct line_editor *editor, char input)
{
    if (input == KEY_ESCAPE) {
        editor->escape = LINE_ESCAPE;
        return true;
    }
    if (editor->escape == LINE_NO_ESCAPE || input == '\r' || input == '\n') {
        editor->escape = LINE_NO_ESCAPE;
        return false;
    }
    if (editor->escape == LINE_SEQUENCE)
        feed_sequence(editor, input);
    else if (input == '[' || input == 'O')
        begin_sequence(editor);
    else
        editor->escape = LINE_NO_ESCAPE;
    return true;
}

/* The line is too long. Only what makes it shorter, or drops it, is taken. */
static void edit_excess(struct line_editor *editor, char input)
{
    switch (input) {
    case KEY_BACKSPACE:
    case KEY_DELETE:
        editor->nr_excess--;
        break;
    case CONTROL('U'):
        editor->nr_excess = 0;
        replace_text(editor, "");
        break;
    default:
        if (input >= ' ' && input <= '~')
            editor->nr_excess++;
        break;
    }
}

static void edit(struct line_editor *editor, char input)
{
    if (editor->nr_excess > 0 && input != CONTROL('C') && input != CONTROL('L')) {
        edit_excess(editor, input);
        return;
    }
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
        erase_back_to(editor, word_before(editor));
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

bool line_feed(struct line_editor *editor, char input, char *line, size_t *length)
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
    *length = editor->length + editor->nr_excess;
    if (editor->nr_excess == 0)
        remember(editor);
    memcpy(line, editor->text, editor->length + 1);
    clear(editor);
    return true;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* See line_edit.h. After an edit the rest of the line is written again from the cursor on. What is
 * not taken here the monitor does: it appends, and erases at the end. */
#include "extras/line_edit/line_edit.h"

#include "extras/line_edit/complete.h"
#include "include/extra.h"
#include "kernel/options.h"
#include "lib/console.h"
#include "lib/string.h"
#include "monitor/line.h"

#define KEY_ESCAPE     27
#define PARAMETERS_MAX 2
#define CLEAR_SCREEN   "\n\x1b[H\x1b[2J" /* the end of the line is for who reads a log */

#define CONTROL(letter) ((letter)&0x1f)

/* Of the one line that is typed. */
static struct {
    enum {
        NO_ESCAPE,
        ESCAPE,   /* ESC */
        SEQUENCE, /* ESC [, or ESC O */
    } escape;
    unsigned parameters[PARAMETERS_MAX]; /* of the sequence */
    unsigned nr_parameters;
    char history[LINE_HISTORY][LINE_BYTES]; /* a ring, newest before history_next */
    unsigned history_length;
    unsigned history_next;
    unsigned history_back; /* how many lines back the text shown is from; 0: the user's own */
} state;

void line_edit_reset(void)
{
    memset(&state, 0, sizeof(state));
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
    if (back > state.history_length)
        return;
    state.history_back = back;
    unsigned index = (state.history_next + LINE_HISTORY - back) % LINE_HISTORY;
    replace_text(editor, back == 0 ? "" : state.history[index]);
}

static void remember(const struct line_editor *editor)
{
    if (editor->length == 0)
        return;
    memcpy(state.history[state.history_next], editor->text, editor->length + 1);
    state.history_next = (state.history_next + 1) % LINE_HISTORY;
    if (state.history_length < LINE_HISTORY)
        state.history_length++;
}

/* A key that sends ESC [ and one letter, alone or with Ctrl. */
static void letter_key(struct line_editor *editor, char letter, bool control)
{
    switch (letter) {
    case 'A':
        show_history(editor, state.history_back + 1);
        break;
    case 'B':
        if (state.history_back > 0)
            show_history(editor, state.history_back - 1);
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
    unsigned modifiers = state.parameters[1] == 0 ? 0 : state.parameters[1] - 1;

    if (editor->nr_excess > 0)
        return;
    if (final != '~')
        letter_key(editor, final, (modifiers & 4) != 0);
    else if (state.parameters[0] == 3)
        erase_forward(editor);
    else if (state.parameters[0] == 1 || state.parameters[0] == 7)
        move_cursor(editor, 0);
    else if (state.parameters[0] == 4 || state.parameters[0] == 8)
        move_cursor(editor, editor->length);
}

static void begin_sequence(void)
{
    state.escape = SEQUENCE;
    state.nr_parameters = 0;
    memset(state.parameters, 0, sizeof(state.parameters));
}

/* ECMA-48: parameters and intermediate characters are 0x20 to 0x3f, and the first one beyond ends
 * the sequence. A parameter is a number, and ';' stands between two. */
static void feed_sequence(struct line_editor *editor, char input)
{
    if (input >= '0' && input <= '9') {
        if (state.nr_parameters < PARAMETERS_MAX) {
            unsigned *parameter = &state.parameters[state.nr_parameters];
            *parameter = (*parameter * 10 + (unsigned)(input - '0')) % 1000;
        }
    } else if (input == ';') {
        state.nr_parameters++;
    } else if (input >= '@' && input <= '~') {
        state.escape = NO_ESCAPE;
        sequence_key(editor, input);
    } else if (input < ' ' || input > '~') {
        state.escape = NO_ESCAPE;
    }
}

/* True while the byte belonged to an escape sequence. The end of a line always ends the line. */
static bool feed_escape(struct line_editor *editor, char input)
{
    if (input == KEY_ESCAPE) {
        state.escape = ESCAPE;
        return true;
    }
    if (state.escape == NO_ESCAPE || input == '\r' || input == '\n') {
        state.escape = NO_ESCAPE;
        return false;
    }
    if (state.escape == SEQUENCE)
        feed_sequence(editor, input);
    else if (input == '[' || input == 'O')
        begin_sequence();
    else
        state.escape = NO_ESCAPE;
    return true;
}

/* Insert what is certain of the word at the cursor; if that is nothing, show what it may be. */
static void complete(struct line_editor *editor)
{
    struct completion completion;
    char typed[LINE_BYTES];
    memcpy(typed, editor->text, editor->cursor);
    typed[editor->cursor] = '\0';
    complete_text(typed, &completion);
    if (editor->length + strlen(completion.more) >= LINE_BYTES)
        return;
    for (const char *at = completion.more; *at != '\0'; at++)
        insert(editor, *at);
    if (completion.nr_candidates < 2 || completion.more[0] != '\0')
        return;
    echo("\n");
    complete_list(typed);
    line_show(editor);
}

/* A key that moves, erases more than one character or shows the line again. */
static bool edit_control(struct line_editor *editor, char input)
{
    switch (input) {
    case CONTROL('A'):
        move_cursor(editor, 0);
        return true;
    case CONTROL('E'):
        move_cursor(editor, editor->length);
        return true;
    case CONTROL('W'):
        erase_back_to(editor, word_before(editor));
        return true;
    default:
        return false;
    }
}

/* A character, or backspace, before the end of the line. */
static bool edit_middle(struct line_editor *editor, char input)
{
    if (editor->cursor == editor->length)
        return false;
    if (input == KEY_BACKSPACE || input == KEY_DELETE) {
        if (editor->cursor > 0)
            erase_back_to(editor, editor->cursor - 1);
        return true;
    }
    if (input < ' ' || input > '~')
        return false;
    insert(editor, input);
    return true;
}

static bool edit_line(struct line_editor *editor, char input)
{
    if (feed_escape(editor, input))
        return true;
    if (input == CONTROL('L')) {
        echo(CLEAR_SCREEN);
        line_show(editor);
        return true;
    }
    if (input == '\t' && editor->nr_excess == 0) {
        complete(editor);
        return true;
    }
    if (input == CONTROL('U')) {
        if (editor->nr_excess > 0)
            move_cursor(editor, editor->length);
        editor->nr_excess = 0;
        erase_back_to(editor, 0);
        return true;
    }
    if (editor->nr_excess == 0) {
        if (edit_control(editor, input) || edit_middle(editor, input))
            return true;
        if (input == '\r' || input == '\n')
            remember(editor);
    }
    if (input == '\r' || input == '\n' || input == KEY_INTERRUPT)
        state.history_back = 0;
    return false;
}

static void ready(const struct options *options)
{
    (void)options;
    line_edit_reset();
}

EXTRA(line_edit) = {.name = "line_edit", .ready = ready, .edit_line = edit_line};

/* SPDX-License-Identifier: BSD-2-Clause */
/* See line.h. */
#include "monitor/line.h"

#include "include/extra.h"
#include "lib/console.h"
#include "lib/string.h"

void line_init(struct line_editor *editor, const char *prompt)
{
    memset(editor, 0, sizeof(*editor));
    editor->prompt = prompt;
}

static void echo(const char *text)
{
    console_write(text, strlen(text));
}

void line_show(const struct line_editor *editor)
{
    echo(editor->prompt);
    echo(editor->text);
    for (size_t i = editor->cursor; i < editor->length; i++)
        echo("\b");
}

static void clear(struct line_editor *editor)
{
    editor->text[0] = '\0';
    editor->length = editor->cursor = editor->nr_excess = 0;
}

static void erase_last(struct line_editor *editor)
{
    if (editor->nr_excess > 0) {
        editor->nr_excess--;
    } else if (editor->length > 0) {
        editor->text[--editor->length] = '\0';
        editor->cursor = editor->length;
        echo("\b \b");
    }
}

static void append(struct line_editor *editor, char character)
{
    if (editor->nr_excess > 0 || editor->length + 1 == LINE_BYTES) {
        editor->nr_excess++;
        return;
    }
    editor->text[editor->length++] = character;
    editor->text[editor->length] = '\0';
    editor->cursor = editor->length;
    console_write(&character, 1);
}

static void edit(struct line_editor *editor, char input)
{
    if (input == KEY_BACKSPACE || input == KEY_DELETE) {
        erase_last(editor);
    } else if (input == KEY_INTERRUPT) {
        echo("^C\n");
        clear(editor);
        line_show(editor);
    } else if (input >= ' ' && input <= '~') {
        append(editor, input);
    }
}

static bool extra_takes(struct line_editor *editor, char input)
{
    for_each_extra (extra) {
        if (extra->edit_line && extra->edit_line(editor, input))
            return true;
    }
    return false;
}

bool line_feed(struct line_editor *editor, char input, char *line, size_t *length)
{
    bool second_half = input == '\n' && editor->after_return;
    editor->after_return = input == '\r';
    if (second_half || extra_takes(editor, input))
        return false;
    if (input != '\r' && input != '\n') {
        edit(editor, input);
        return false;
    }
    echo("\n");
    *length = editor->length + editor->nr_excess;
    memcpy(line, editor->text, editor->length + 1);
    clear(editor);
    return true;
}

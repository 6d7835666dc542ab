/* SPDX-License-Identifier: BSD-2-Clause */
/* See cmdline.h. */
#include "extras/cmdline/cmdline.h"

static bool is_blank(char character)
{
    return character == ' ' || character == '\t' || character == '\n' || character == '\r';
}

/* Append to a buffer that keeps its terminator; false when it is full. */
static bool append(char *buffer, size_t bytes, size_t *length, char character)
{
    if (*length + 1 >= bytes)
        return false;
    buffer[(*length)++] = character;
    buffer[*length] = '\0';
    return true;
}

bool cmdline_next(const char **cursor, struct cmdline_option *option)
{
    const char *text = *cursor;
    size_t key_length = 0;
    size_t value_length = 0;
    bool quoted = false;

    while (is_blank(*text))
        text++;
    *option = (struct cmdline_option){0};
    if (*text == '\0') {
        *cursor = text;
        return false;
    }
    for (; *text != '\0' && (quoted || !is_blank(*text)); text++) {
        bool fits;
        if (*text == '"') {
            quoted = !quoted;
            continue;
        }
        if (option->has_value) {
            fits = append(option->value, sizeof(option->value), &value_length, *text);
        } else if (*text == '=') {
            option->has_value = true;
            continue;
        } else {
            fits = append(option->key, sizeof(option->key), &key_length, *text);
        }
        option->truncated = option->truncated || !fits;
    }
    *cursor = text;
    return true;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* See text.h. */
#include "text.h"

struct output {
    char *buffer;
    size_t bytes;  /* of the buffer, with the terminator */
    size_t length; /* of the whole text, also of what did not fit */
};

static void put(struct output *out, char character)
{
    if (out->length + 1 < out->bytes)
        out->buffer[out->length] = character;
    out->length++;
}

static void put_bytes(struct output *out, const char *text, size_t length)
{
    if (out->length < out->bytes)
        memcpy(out->buffer + out->length, text, vmem_min(length, out->bytes - 1 - out->length));
    out->length += length;
}

/* The characters up to the end of the text, or to a '%' of a format. Where they end. */
static const char *put_text(struct output *out, const char *text, bool is_format)
{
    char stop = is_format ? '%' : '\0';
    const char *end = text;

    while (*end != '\0' && *end != stop)
        end++;
    put_bytes(out, text, (size_t)(end - text));
    return end;
}

static void put_string(struct output *out, const char *text, unsigned width)
{
    size_t end = out->length + width;

    (void)put_text(out, text, false);
    while (out->length < end)
        put(out, ' ');
}

static void put_number(struct output *out, uint64_t value, unsigned base, unsigned width,
                       char padding)
{
    char digits[20];
    char *first = digits + sizeof(digits);

    do {
        *--first = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    size_t length = (size_t)(digits + sizeof(digits) - first);
    for (; width > length; width--)
        put(out, padding);
    put_bytes(out, first, length);
}

static void put_signed(struct output *out, int value)
{
    if (value < 0)
        put(out, '-');
    put_number(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, 0, ' ');
}

/* What stands behind a '%'; where the text goes on. An unknown conversion shows as it stands. */
static const char *put_conversion(struct output *out, const char *format, va_list *args)
{
    char padding = *format == '0' ? '0' : ' ';
    unsigned width = 0;
    bool is_long = false;

    for (; *format >= '0' && *format <= '9'; format++)
        width = width * 10 + (unsigned)(*format - '0');
    for (; *format == 'l'; format++)
        is_long = true;
    switch (*format) {
    case 'u':
    case 'x':
        put_number(out, is_long ? va_arg(*args, unsigned long long) : va_arg(*args, unsigned),
                   *format == 'u' ? 10 : 16, width, padding);
        break;
    case 'd':
        put_signed(out, va_arg(*args, int));
        break;
    case 's':
        put_string(out, va_arg(*args, const char *), width);
        break;
    case 'c':
        put(out, (char)va_arg(*args, int));
        break;
    case '\0':
        return format;
    default:
        put(out, *format);
    }
    return format + 1;
}

size_t vmem_vformat(char *buffer, size_t bytes, const char *format, va_list args)
{
    struct output out = {buffer, bytes, 0};
    va_list rest;

    va_copy(rest, args);
    while (*(format = put_text(&out, format, true)) != '\0')
        format = put_conversion(&out, format + 1, &rest);
    va_end(rest);
    if (bytes > 0)
        buffer[out.length < bytes ? out.length : bytes - 1] = '\0';
    return out.length;
}

size_t vmem_format(char *buffer, size_t bytes, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    size_t length = vmem_vformat(buffer, bytes, format, args);
    va_end(args);
    return length;
}

void vmem_log(enum vmem_log_level level, const char *device, const char *format, ...)
{
    char line[VMEM_LINE_BYTES];
    va_list args;

    if (!vmem_host_log_wanted(level))
        return;
    va_start(args, format);
    vmem_vformat(line, sizeof(line), format, args);
    va_end(args);
    vmem_host_log(level, device, line);
}

const char *vmem_error_name(int error)
{
    static const char *const names[] = {
        [-VMEM_OK] = "ok",           [-VMEM_E_INVAL] = "inval",
        [-VMEM_E_NOMEM] = "nomem",   [-VMEM_E_RANGE] = "range",
        [-VMEM_E_BUSY] = "busy",     [-VMEM_E_TIMEOUT] = "timeout",
        [-VMEM_E_NODEV] = "nodev",   [-VMEM_E_UNSUPPORTED] = "unsupported",
        [-VMEM_E_BROKEN] = "broken", [-VMEM_E_EXIST] = "exist",
        [-VMEM_E_AGAIN] = "again",
    };
    if (error > 0 || error < VMEM_E_AGAIN)
        return "unknown";
    return names[-error];
}

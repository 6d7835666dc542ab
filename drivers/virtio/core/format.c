/* SPDX-License-Identifier: BSD-2-Clause */
/* See vmem/format.h: each conversion makes a text, and one function pads it. */
#include "../include/vmem/format.h"

#include "defs.h"

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

static void put_repeated(struct output *out, char character, size_t count)
{
    while (count-- > 0)
        put(out, character);
}

/* One conversion: what stands between its '%' and its letter. */
struct conversion {
    bool is_left, has_zeros, is_long;
    unsigned width, precision;
};

static void put_field(struct output *out, const struct conversion *conversion, const char *text,
                      size_t length)
{
    size_t padding = conversion->width > length ? conversion->width - length : 0;

    if (!conversion->is_left)
        put_repeated(out, ' ', padding);
    put_bytes(out, text, length);
    if (conversion->is_left)
        put_repeated(out, ' ', padding);
}

static void put_text(struct output *out, const struct conversion *conversion, const char *text)
{
    size_t length = 0;

    if (!text)
        text = "(null)";
    while (length < conversion->precision && text[length] != '\0')
        length++;
    put_field(out, conversion, text, length);
}

static void put_number(struct output *out, const struct conversion *conversion, uint64_t value,
                       unsigned base, bool is_negative)
{
    char digits[24];
    char *end = digits + sizeof(digits), *first = end;
    size_t most = vmem_min(conversion->has_zeros ? conversion->width : 0, sizeof(digits));

    do {
        *--first = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while ((size_t)(end - first) + is_negative < most)
        *--first = '0';
    if (is_negative)
        *--first = '-';
    put_field(out, conversion, first, (size_t)(end - first));
}

static void put_signed(struct output *out, const struct conversion *conversion, int64_t value)
{
    put_number(out, conversion, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, value < 0);
}

/* A number or '*', an argument. */
static const char *parse_count(const char *format, unsigned *count, va_list *args)
{
    *count = 0;
    if (*format == '*') {
        *count = va_arg(*args, unsigned);
        return format + 1;
    }
    for (; *format >= '0' && *format <= '9'; format++)
        *count = *count * 10 + (unsigned)(*format - '0');
    return format;
}

/* What stands behind a '%'; where the text goes on. An unknown letter shows as it stands. */
static const char *put_conversion(struct output *out, const char *format, va_list *args)
{
    struct conversion conversion = {.precision = ~0U};

    conversion.is_left = *format == '-';
    conversion.has_zeros = *format == '0';
    format = parse_count(format + conversion.is_left, &conversion.width, args);
    if (*format == '.')
        format = parse_count(format + 1, &conversion.precision, args);
    for (; *format == 'l' || *format == 'z'; format++)
        conversion.is_long = true;
    switch (*format) {
    case 'u':
    case 'x':
        put_number(out, &conversion,
                   conversion.is_long ? va_arg(*args, unsigned long long) : va_arg(*args, unsigned),
                   *format == 'u' ? 10 : 16, false);
        break;
    case 'd':
        put_signed(out, &conversion,
                   conversion.is_long ? va_arg(*args, long long) : va_arg(*args, int));
        break;
    case 's':
        put_text(out, &conversion, va_arg(*args, const char *));
        break;
    case 'c': {
        char character = (char)va_arg(*args, int);
        put_field(out, &conversion, &character, 1);
        break;
    }
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
    while (*format != '\0') {
        /* Most characters are above '%': one comparison for each. */
        const char *literal = format;
        while (*format > '%' || (*format != '%' && *format != '\0'))
            format++;
        put_bytes(&out, literal, (size_t)(format - literal));
        if (*format == '%')
            format = put_conversion(&out, format + 1, &rest);
    }
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

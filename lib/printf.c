/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See printf.h. One conversion is parsed into a struct spec, and each kind of
 * conversion only makes digits or text: padding is done in one place.
 */
#include "lib/printf.h"

#include "lib/string.h"

struct output {
    char *buffer;
    size_t bytes;  /* of the buffer, with the terminator */
    size_t length; /* of the whole text, also of what did not fit */
};

struct spec {
    bool left;
    bool zero;
    unsigned width;
    bool has_precision; /* of a text: so many characters at most */
    unsigned precision;
    bool is_long;
};

static void put(struct output *out, char character)
{
    if (out->length + 1 < out->bytes)
        out->buffer[out->length] = character;
    out->length++;
}

static void put_text(struct output *out, const char *text, size_t length)
{
    if (out->length + 1 < out->bytes)
        memcpy(out->buffer + out->length, text, min_u64(length, out->bytes - 1 - out->length));
    out->length += length;
}

static void put_repeated(struct output *out, char character, unsigned count)
{
    while (count-- > 0)
        put(out, character);
}

/* prefix, zeros and text, padded to the width on the side that the spec says. */
static void put_padded(struct output *out, const struct spec *spec, const char *prefix,
                       unsigned nr_zeros, const char *text, unsigned text_length)
{
    unsigned prefix_length = (unsigned)strlen(prefix);
    unsigned length = prefix_length + nr_zeros + text_length;
    unsigned padding = spec->width > length ? spec->width - length : 0;
    if (!spec->left)
        put_repeated(out, ' ', padding);
    put_text(out, prefix, prefix_length);
    put_repeated(out, '0', nr_zeros);
    put_text(out, text, text_length);
    if (spec->left)
        put_repeated(out, ' ', padding);
}

static void put_integer(struct output *out, const struct spec *spec, u64 value, unsigned base,
                        const char *prefix)
{
    char digits[24];
    unsigned first = sizeof(digits);
    do {
        digits[--first] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    unsigned nr_digits = (unsigned)sizeof(digits) - first;
    unsigned length = (unsigned)strlen(prefix) + nr_digits;
    bool zeros = spec->zero && !spec->left && spec->width > length;
    put_padded(out, spec, prefix, zeros ? spec->width - length : 0, digits + first, nr_digits);
}

static void put_string(struct output *out, const struct spec *spec, const char *text)
{
    if (!text)
        text = "(null)";
    size_t limit = spec->has_precision ? spec->precision : SIZE_MAX;
    put_padded(out, spec, "", 0, text, (unsigned)strnlen(text, limit));
}

static const char *parse_number(const char *format, unsigned *number)
{
    *number = 0;
    for (; *format >= '0' && *format <= '9'; format++)
        *number = *number * 10 + (unsigned)(*format - '0');
    return format;
}

/* A number or '*'; a negative argument counts as 0. */
static const char *parse_count(const char *format, unsigned *number, va_list *args)
{
    if (*format != '*')
        return parse_number(format, number);
    int value = va_arg(*args, int);
    *number = value < 0 ? 0 : (unsigned)value;
    return format + 1;
}

static u64 take_unsigned(const struct spec *spec, va_list *args)
{
    return spec->is_long ? va_arg(*args, u64) : va_arg(*args, u32);
}

static void put_signed(struct output *out, const struct spec *spec, va_list *args)
{
    i64 value = spec->is_long ? va_arg(*args, i64) : va_arg(*args, i32);
    put_integer(out, spec, value < 0 ? 0 - (u64)value : (u64)value, 10, value < 0 ? "-" : "");
}

/* False for an unknown conversion. */
static bool convert(struct output *out, struct spec *spec, char conversion, va_list *args)
{
    switch (conversion) {
    case 'c': {
        char character = (char)va_arg(*args, int);
        put_padded(out, spec, "", 0, &character, 1);
        return true;
    }
    case 's':
        put_string(out, spec, va_arg(*args, const char *));
        return true;
    case 'd':
        put_signed(out, spec, args);
        return true;
    case 'u':
        put_integer(out, spec, take_unsigned(spec, args), 10, "");
        return true;
    case 'x':
        put_integer(out, spec, take_unsigned(spec, args), 16, "");
        return true;
    case 'p':
        put_integer(out, spec, (u64)(uintptr_t)va_arg(*args, void *), 16, "0x");
        return true;
    case '%':
        put(out, '%');
        return true;
    default:
        return false;
    }
}

/* What stands after a '%': returns where the text goes on. */
static const char *format_one(struct output *out, const char *format, va_list *args)
{
    const char *start = format;
    struct spec spec = {0};
    for (; *format == '-' || *format == '0'; format++) {
        spec.left = spec.left || *format == '-';
        spec.zero = spec.zero || *format == '0';
    }
    format = parse_count(format, &spec.width, args);
    if (*format == '.') {
        spec.has_precision = true;
        format = parse_count(format + 1, &spec.precision, args);
    }
    for (; *format == 'l' || *format == 'z'; format++)
        spec.is_long = true;
    if (*format != '\0' && convert(out, &spec, *format, args))
        return format + 1;
    put(out, '%');
    return start;
}

int vsnprintf(char *buffer, size_t bytes, const char *format, va_list args)
{
    struct output out = {buffer, bytes, 0};
    va_list rest;
    va_copy(rest, args);
    while (*format != '\0') {
        size_t length = 0;
        while (format[length] != '\0' && format[length] != '%')
            length++;
        put_text(&out, format, length);
        format += length;
        if (*format == '%')
            format = format_one(&out, format + 1, &rest);
    }
    va_end(rest);
    if (bytes > 0)
        buffer[out.length < bytes ? out.length : bytes - 1] = '\0';
    return (int)out.length;
}

int snprintf(char *buffer, size_t bytes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(buffer, bytes, format, args);
    va_end(args);
    return length;
}

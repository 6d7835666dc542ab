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
    bool alternate;
    bool plus;
    unsigned width;
    bool has_precision;
    unsigned precision;
    unsigned integer_bytes;
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
                        bool upper, const char *prefix)
{
    const char *alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char digits[24];
    unsigned first = sizeof(digits);
    for (; value != 0; value /= base)
        digits[--first] = alphabet[value % base];
    unsigned nr_digits = (unsigned)sizeof(digits) - first;
    unsigned wanted = spec->has_precision ? spec->precision : 1;
    if (!spec->has_precision && spec->zero && !spec->left) {
        unsigned prefix_length = (unsigned)strlen(prefix);
        if (spec->width > prefix_length + wanted)
            wanted = spec->width - prefix_length;
    }
    unsigned nr_zeros = wanted > nr_digits ? wanted - nr_digits : 0;
    put_padded(out, spec, prefix, nr_zeros, digits + first, nr_digits);
}

static void put_signed(struct output *out, const struct spec *spec, i64 value)
{
    u64 magnitude = value < 0 ? 0 - (u64)value : (u64)value;
    put_integer(out, spec, magnitude, 10, false, value < 0 ? "-" : spec->plus ? "+" : "");
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

static const char *parse_flags(const char *format, struct spec *spec)
{
    for (;; format++) {
        if (*format == '-')
            spec->left = true;
        else if (*format == '0')
            spec->zero = true;
        else if (*format == '#')
            spec->alternate = true;
        else if (*format == '+')
            spec->plus = true;
        else
            return format;
    }
}

static const char *parse_length(const char *format, struct spec *spec)
{
    spec->integer_bytes = 4;
    if (*format == 'z') {
        spec->integer_bytes = 8;
        return format + 1;
    }
    for (; *format == 'h'; format++)
        spec->integer_bytes /= 2;
    for (; *format == 'l'; format++)
        spec->integer_bytes = 8;
    return format;
}

static u64 take_unsigned(const struct spec *spec, va_list *args)
{
    if (spec->integer_bytes == 8)
        return va_arg(*args, u64);
    u32 value = va_arg(*args, u32);
    if (spec->integer_bytes == 2)
        return (u16)value;
    return spec->integer_bytes == 1 ? (u8)value : value;
}

static i64 take_signed(const struct spec *spec, va_list *args)
{
    if (spec->integer_bytes == 8)
        return va_arg(*args, i64);
    i32 value = va_arg(*args, i32);
    if (spec->integer_bytes == 2)
        return (int16_t)value;
    return spec->integer_bytes == 1 ? (int8_t)value : value;
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
    case 'i':
        put_signed(out, spec, take_signed(spec, args));
        return true;
    case 'u':
        put_integer(out, spec, take_unsigned(spec, args), 10, false, "");
        return true;
    case 'x':
    case 'X': {
        u64 value = take_unsigned(spec, args);
        put_integer(out, spec, value, 16, conversion == 'X', spec->alternate && value ? "0x" : "");
        return true;
    }
    case 'p':
        put_integer(out, spec, (u64)(uintptr_t)va_arg(*args, void *), 16, false, "0x");
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
    format = parse_flags(format, &spec);
    if (*format == '*') {
        int width = va_arg(*args, int);
        spec.left = spec.left || width < 0;
        spec.width = width < 0 ? 0u - (unsigned)width : (unsigned)width;
        format++;
    } else {
        format = parse_number(format, &spec.width);
    }
    if (*format == '.') {
        format++;
        spec.has_precision = true;
        if (*format == '*') {
            int precision = va_arg(*args, int);
            spec.has_precision = precision >= 0;
            spec.precision = precision >= 0 ? (unsigned)precision : 0;
            format++;
        } else {
            format = parse_number(format, &spec.precision);
        }
    }
    format = parse_length(format, &spec);
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

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See string.h. memcpy, memset and memchr use the processor's string instructions:
 * one instruction to translate or decode, and no vector registers needed.
 */
#include "lib/string.h"

/* Eight bytes at any address. */
typedef u64 __attribute__((aligned(1), may_alias)) unaligned_u64;

void *(memcpy)(void *restrict to, const void *restrict from, size_t bytes)
{
    void *result = to;
    size_t words = bytes / 8;
    size_t rest = bytes % 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words)::"memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest)::"memory");
    return result;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    u8 *target = to;
    const u8 *source = from;
    if ((uintptr_t)target - (uintptr_t)source >= bytes)
        return memcpy(to, from, bytes);
    /* The target starts inside the source: the last byte first. */
    while (bytes-- > 0)
        target[bytes] = source[bytes];
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    void *result = to;
    u64 pattern = (u8)value * 0x0101010101010101ull;
    size_t words = bytes / 8;
    size_t rest = bytes % 8;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(pattern) : "memory");
    return result;
}

int(memcmp)(const void *a, const void *b, size_t bytes)
{
    const u8 *left = a;
    const u8 *right = b;
    size_t i = 0;
    while (bytes - i >= 8 &&
           *(const unaligned_u64 *)(left + i) == *(const unaligned_u64 *)(right + i))
        i += 8;
    for (; i < bytes; i++) {
        if (left[i] != right[i])
            return left[i] - right[i];
    }
    return 0;
}

void *memchr(const void *from, int value, size_t bytes)
{
    const u8 *at = from;
    bool is_found;
    if (bytes == 0)
        return NULL;
    __asm__("repne scasb" : "+D"(at), "+c"(bytes), "=@ccz"(is_found) : "a"(value) : "memory");
    return is_found ? (void *)(uintptr_t)(at - 1) : NULL;
}

size_t strnlen(const char *text, size_t limit)
{
    const char *end = memchr(text, '\0', limit);
    return end ? (size_t)(end - text) : limit;
}

size_t strlen(const char *text)
{
    return strnlen(text, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t limit)
{
    for (size_t i = 0; i < limit; i++) {
        if (a[i] != b[i])
            return (u8)a[i] - (u8)b[i];
        if (a[i] == '\0')
            break;
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *text, int character)
{
    for (;; text++) {
        if (*text == (char)character)
            return (char *)(uintptr_t)text;
        if (*text == '\0')
            return NULL;
    }
}

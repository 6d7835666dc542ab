/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C library's memory and string functions that a freestanding compiler
 * expects and the kernel uses. Each behaves as ISO C says.
 */
#ifndef TIDE_LIB_STRING_H
#define TIDE_LIB_STRING_H

#include "include/types.h"

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
void *memchr(const void *from, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *text);
size_t strnlen(const char *text, size_t limit);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t limit);
char *strchr(const char *text, int character);

/* To a freestanding compiler these are functions like others: let it put in place what copies or
 * compares a few bytes. (memcpy)(to, from, bytes) is a call. */
#if !__STDC_HOSTED__
#define IS_FEW(bytes) (__builtin_constant_p(bytes) && (bytes) <= 16)
#define memcpy(to, from, bytes) \
    (IS_FEW(bytes) ? __builtin_memcpy(to, from, bytes) : (memcpy)(to, from, bytes))
#define memcmp(a, b, bytes) (IS_FEW(bytes) ? __builtin_memcmp(a, b, bytes) : (memcmp)(a, b, bytes))
#endif

#endif

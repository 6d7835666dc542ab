/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers and sizes from text that a user typed. Each parser takes the whole
 * string or refuses it: no prefix is accepted, nothing wraps.
 */
#ifndef TIDE_LIB_PARSE_H
#define TIDE_LIB_PARSE_H

#include "include/types.h"

/* Decimal, or hexadecimal after 0x. E_INVAL if malformed, E_RANGE above 2^64-1. */
must_check int parse_u64(const char *text, u64 *value);

/* What a digit is worth, decimal or hexadecimal in either case; 16: it is none. */
unsigned parse_digit(char character);

/* The digits that a text begins with, at least one; *rest is what follows them. */
must_check int parse_digits(const char *text, u64 *value, const char **rest);

/* A size as the largest unit that divides it: "2M", "1536K", "0". Buffer of 24 bytes or more. */
const char *format_size(u64 bytes, char *buffer, size_t buffer_bytes);

#endif

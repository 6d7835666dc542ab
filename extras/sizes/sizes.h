/* SPDX-License-Identifier: BSD-2-Clause */
/* Sizes that a user typed. */
#ifndef TIDE_EXTRAS_SIZES_H
#define TIDE_EXTRAS_SIZES_H

#include "monitor/monitor.h"

/* As parse_u64(), with an optional suffix K, M, G or T (binary, either case, "iB" or "B" allowed).
 */
must_check int parse_size(const char *text, u64 *bytes);

/* The index-th argument as a size of `least` bytes or more; false after an error line. */
bool monitor_parse_size(const struct command_line *line, unsigned index, u64 least, u64 *bytes);

#endif

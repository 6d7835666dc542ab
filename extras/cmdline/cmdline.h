/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's command line: options separated by blanks, `key=value` or
 * `key`, where a value or the whole may be quoted: run="alloc 1M; exit", and
 * "run=alloc 1M; exit" as GRUB writes it.
 *
 * Iteration only: who owns an option decides what it means.
 * The text is untrusted: an unclosed quote ends at the end of the line.
 */
#ifndef TIDE_EXTRAS_CMDLINE_H
#define TIDE_EXTRAS_CMDLINE_H

#include "kernel/options.h"

#define CMDLINE_KEY_BYTES 64

struct cmdline_option {
    char key[CMDLINE_KEY_BYTES];
    char value[OPTION_VALUE_BYTES]; /* quotes removed; empty without '=' */
    bool has_value;
    bool truncated; /* key or value did not fit */
};

/*
 * Read the option at *cursor and move the cursor past it. False at the end.
 * Start with *cursor at the first character of the line.
 */
bool cmdline_next(const char **cursor, struct cmdline_option *option);

/* Parse a command line; `log=` takes effect at once. If it was cut, an option that its end belongs
 * to is refused, as its value may be another one. Malformed options are error lines and keep their
 * default; unknown ones are warnings. Boot only. */
void options_parse(const char *cmdline, bool is_cut, struct options *options);

#endif

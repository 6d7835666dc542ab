/* SPDX-License-Identifier: BSD-2-Clause */
/* What the Tab key completes: the names of commands, and of devices where a command takes one. */
#ifndef TIDE_EXTRAS_LINE_EDIT_COMPLETE_H
#define TIDE_EXTRAS_LINE_EDIT_COMPLETE_H

#include "include/types.h"
#include "monitor/line.h"

/* A completion: what all that may stand there have in common beyond what was typed. */
struct completion {
    unsigned nr_candidates;
    char more[LINE_BYTES]; /* to be inserted; with a blank at its end if there is one candidate */
};

/* Complete a text, which ends at the cursor. Pure. O(commands + devices). */
void complete_text(const char *text, struct completion *completion);

/* Print the candidates, several in a line of the console. */
void complete_list(const char *text);

#endif

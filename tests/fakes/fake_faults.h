/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that runs out at a chosen moment: in a program linked as faults.mk
 * says, the n-th allocation of any kind fails, or the n-th and all after it.
 * Counted are frames, runs, mm's own metadata, and mappings, which need tables.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_FAULTS_H
#define TIDE_TESTS_FAKES_FAKE_FAULTS_H

#include "include/types.h"

/* The allocation after `nth` others fails; `lasting`: and each one after it. */
void faults_begin(u64 nth, bool lasting);

/* No more; true if one has failed. */
bool faults_end(void);

/* What runs out of memory, played once for each allocation that it makes. */
struct fault_story {
    const char *name;
    void (*set_up)(void); /* a machine of its own */
    int (*act)(void);     /* OK; or E_NOMEM, with all undone */
    void (*undo)(void);   /* what act() did */
    void (*tear_down)(void);
    u64 nr_least;     /* allocations that act() makes, at least: or the story tests nothing */
    bool goes_half;   /* act() may fail with a part done, and do the rest when called again */
    bool never_fails; /* act() waits and tries again, so one fault alone never shows */
};

/*
 * With the n-th allocation failing, for n = 0, 1, ... until none fails, once and
 * lastingly: act() says E_NOMEM and has changed nothing, or has managed without; when memory is
 * back it succeeds; undone, all is as after a run without faults. page_check() throughout.
 */
void fault_play(const struct fault_story *story);

#endif

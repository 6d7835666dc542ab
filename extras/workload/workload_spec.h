/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a workload is: its kind, its seed and its sizes, and how a user writes that.
 *
 * Pure: the same file is part of the kernel, of the host programs of
 * tests/unit and of the program that runs like workloads in a Linux guest.
 */
#ifndef TIDE_EXTRAS_WORKLOAD_WORKLOAD_SPEC_H
#define TIDE_EXTRAS_WORKLOAD_WORKLOAD_SPEC_H

#include "include/types.h"

/* The largest chunk that can be movable: mm moves pages of one order, up to 2 MiB. */
#define WORKLOAD_MOVABLE_MAX ((u64)2 << 20)

enum workload_kind {
    WORKLOAD_STEADY,   /* hold size_bytes until stopped, at first low_bytes if not 0 */
    WORKLOAD_RAMP,     /* from low_bytes to size_bytes in nr_ticks, then hold */
    WORKLOAD_SAWTOOTH, /* between low_bytes and size_bytes and back, every period_ticks */
    WORKLOAD_BURSTS,   /* functions arrive in bursts, hold memory for a while, and leave */
    WORKLOAD_RANDOM,   /* fill size_bytes, free at random places down to occupancy, then churn */
    WORKLOAD_VERIFY,   /* nr_ticks rounds: fill size_bytes, check every word, free */
    WORKLOAD_NR_KINDS,
};

struct workload_spec {
    enum workload_kind kind;
    u64 seed;
    u64 size_bytes;
    u64 chunk_bytes; /* of one allocation */
    u64 low_bytes;
    u64 function_bytes; /* what one function holds at most */
    u64 life_ticks;     /* how long one lives at most */
    u64 period_ticks;
    u64 nr_ticks;
    u64 tick_ms;
    u64 occupancy; /* percent */
    u64 movable;   /* percent of the chunks */
    u64 refuse;    /* percent of the movable chunks that do not let themselves be moved */
};

/* What was wrong with the words of a user. */
struct workload_mistake {
    const char *word;
    const char *expected;
};

/*
 * Read "KIND [KEY=VALUE]..." over the defaults. E_INVAL with *mistake filled
 * in, which points into the words or at constants.
 */
must_check int workload_spec_parse(unsigned nr_words, const char *const *words,
                                   struct workload_spec *spec, struct workload_mistake *mistake);

const char *workload_kind_name(enum workload_kind kind);

/* The chunks that the workload holds at most. */
u64 workload_spec_chunks(const struct workload_spec *spec);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stories of the driver as timelines of data: at each row the machine has run until its time, then
 * the host and the guest act, the driver is called, and what the row names is compared.
 *
 *     STORY(test_busy, machine_start(&machine, FAKE_VMEM_QEMU)) = {
 *         {0, ANSWER(busy, 3), HOST(request, 64 * MIB), WAITS(HOST_MEMORY), PLUGGED(0)},
 *         {70, SETTLED, PLUGGED(64 * MIB), COUNTS(IS(BUSY, 3), IS(RESETS, 0))},
 *     };
 *
 * Times are from the start of the story. A row that fails says its story, its index and its time.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_STORY_H
#define TIDE_TESTS_FAKES_FAKE_STORY_H

#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_machine.h"
#include "tests/unit/unit.h"

#define STORY_COUNTS_MAX 6

/* What is counted since attach, or since the machine was booted. */
enum story_count {
    STORY_NO_COUNT,
    STORY_PLUG, /* requests that the device has seen */
    STORY_UNPLUG,
    STORY_UNPLUG_ALL,
    STORY_STATE,
    STORY_REQUESTS, /* of all four types */
    STORY_NACK,     /* replies that the driver has seen */
    STORY_BUSY,
    STORY_ERROR,
    STORY_TIMEOUTS,
    STORY_RESETS,
    STORY_RESIZES,
    STORY_MIGRATED, /* blocks */
    STORY_REFUSALS, /* of owners, by the driver's count */
    STORY_MOVES,    /* runs of pages that were moved */
    STORY_ONLINES,  /* calls of online() */
    STORY_NOTIFIES,
    STORY_CONFIG_READS,
    STORY_RESETS_SEEN, /* by the device */
    STORY_CALLS,       /* of vmem_service() */
    STORY_WARNINGS,
    STORY_ERROR_LINES,
    STORY_SETTLED_LINES,
    STORY_NR_COUNTS,
};

struct story_limits {
    enum story_count what;
    uint64_t least, most;
    bool is_more; /* than at the row before */
};

typedef void (*story_act_t)(struct machine *machine, uint64_t value);

struct story_row {
    uint64_t at_ms;
    /* Before the acts: so many of the next requests are answered in the way of a mood. */
    bool has_mood;
    size_t mood;
    unsigned times;
    story_act_t host, guest; /* the guest acts first */
    uint64_t host_value, guest_value;

    bool expects_state, expects_wait, expects_settled, expects_ready, expects_plugged, expects_due;
    enum vmem_state state;
    enum vmem_wait_reason wait;
    bool is_settled, is_ready;
    uint64_t plugged_bytes;
    uint64_t due_in_ms; /* the driver wants to be called then, or before; VMEM_NEVER */
    struct story_limits counts[STORY_COUNTS_MAX];
};

#define MOOD(name)                offsetof(struct fake_vmem_moods, name)
#define ANSWER_OF(of_mood, count) .has_mood = true, .mood = (of_mood), .times = (count)
#define ANSWER(mood_name, count)  ANSWER_OF(MOOD(mood_name), count)
#define HOST(act, value)          .host = story_##act, .host_value = (value)
#define GUEST(act, value)         .guest = story_##act, .guest_value = (value)

#define STATE(name)   .expects_state = true, .state = VMEM_STATE_##name
#define WAITS(reason) .expects_wait = true, .wait = VMEM_WAIT_##reason
/* Given up, and nobody waits for it. */
#define IS_BROKEN      STATE(BROKEN), READY, WAITS(NONE), DUE_WITHIN(VMEM_NEVER)
#define SETTLED        .expects_settled = true, .is_settled = true
#define UNSETTLED      .expects_settled = true
#define READY          .expects_ready = true, .is_ready = true
#define NOT_READY      .expects_ready = true
#define PLUGGED(bytes) .expects_plugged = true, .plugged_bytes = (bytes)
#define DUE_WITHIN(ms) .expects_due = true, .due_in_ms = (ms)
#define COUNTS(...)    .counts = {__VA_ARGS__}
#define IS(what, count)                       \
    {                                         \
        STORY_##what, (count), (count), false \
    }
#define FROM_TO(what, least, most)           \
    {                                        \
        STORY_##what, (least), (most), false \
    }
#define MORE(what, count)                    \
    {                                        \
        STORY_##what, (count), (count), true \
    }
#define MORE_FROM_TO(what, least, most)     \
    {                                       \
        STORY_##what, (least), (most), true \
    }

/* A test that is a story and no more: `start` attaches the file's `machine`, the rows follow. */
#define STORY_ROWS_MAX 12
#define STORY(function, start)                                        \
    static const struct story_row rows_of_##function[STORY_ROWS_MAX]; \
    TEST_WITH(function, NULL, machine_end)                            \
    {                                                                 \
        start;                                                        \
        PLAY(rows_of_##function);                                     \
    }                                                                 \
    static const struct story_row rows_of_##function[STORY_ROWS_MAX]

/* One beside other things in a test. */
#define PLAY(rows) story_play(__func__, &machine, rows, ARRAY_SIZE(rows))

/* Names the row in which the test has failed, if one has. */
void story_explain_failure(void);

/* Play the rows on a machine that is attached; empty ones at the end are none. The name may last no
 * longer than the call. */
void story_play(const char *name, struct machine *machine, const struct story_row *rows,
                size_t nr_rows);

/* ---- what the host does ---- */

void story_request(struct machine *machine, uint64_t bytes);
/* The same without an event, and of the requested size alone. */
void story_request_unseen(struct machine *machine, uint64_t bytes);
void story_raise_config(struct machine *machine, uint64_t unused); /* the event alone */
void story_shrink_usable(struct machine *machine, uint64_t bytes);
void story_host_memory(struct machine *machine, uint64_t bytes);  /* BUSY to a PLUG of more */
void story_keep_answers(struct machine *machine, uint64_t keeps); /* 0: give them */
void story_needs_reset(struct machine *machine, uint64_t unused);
void story_reset_takes(struct machine *machine, uint64_t reads); /* of the status; ~0: no end */
void story_lose_interrupts(struct machine *machine, uint64_t loses);
void story_interrupt(struct machine *machine, uint64_t unused); /* of both kinds, for nothing */
void story_be_sane(struct machine *machine, uint64_t unused);   /* the transport's faults end */
void story_vanish(struct machine *machine, uint64_t unused);
void story_config_runs(struct machine *machine, uint64_t runs);       /* it never holds still */
void story_is_lenient(struct machine *machine, uint64_t is_lenient);  /* refusals are no fault */
void story_plug(struct machine *machine, uint64_t block);             /* behind the driver's back */
void story_plug_five(struct machine *machine, uint64_t unused);       /* blocks 101 to 105 */
void story_misstate_plugged(struct machine *machine, uint64_t bytes); /* added to plugged_size */
void story_move_region(struct machine *machine, uint64_t bytes);      /* up by so much, unseen */
void story_pull_out(struct machine *machine, uint64_t unused);        /* and vmem_gone() */
void story_steal(struct machine *machine, uint64_t block); /* unplug it behind the driver's back */

/* With the next request that the device sees, before it is looked at: another requested size. */
void story_request_at_next(struct machine *machine, uint64_t bytes);

/* ---- what the guest does ---- */

void story_hold_page(struct machine *machine, uint64_t unused);    /* machine_hold_page() */
void story_hold(struct machine *machine, uint64_t block);          /* a page in the block */
void story_hold_each(struct machine *machine, uint64_t nr_blocks); /* a page in each, from 0 */
void story_hold_every_other(struct machine *machine, uint64_t nr_blocks); /* from 1 */
void story_free_in(struct machine *machine, uint64_t block);
void story_free_all(struct machine *machine, uint64_t unused);
void story_hold_idle(struct machine *machine, uint64_t unused); /* a page in each idle block */
void story_free_every_other(struct machine *machine, uint64_t unused); /* movable run */
void story_free_every_fourth(struct machine *machine, uint64_t unused);
void story_expect_all_open(struct machine *machine, uint64_t unused);
void story_is_described(struct machine *machine, uint64_t is); /* by vmem_describe_pinned() */
void story_free_below(struct machine *machine, uint64_t block);
void story_expect_page(struct machine *machine, uint64_t unused); /* machine_hold_page()'s */
void story_online_fails_after(struct machine *machine, uint64_t nr_calls);
void story_offline_fails_after(struct machine *machine, uint64_t nr_calls);
void story_races(struct machine *machine, uint64_t count);
void story_online_limit(struct machine *machine, uint64_t bytes);
void story_owners_refuse(struct machine *machine, uint64_t refuse);
void story_verify(struct machine *machine, uint64_t status); /* vmem_verify() returns it */
void story_detach(struct machine *machine, uint64_t status); /* vmem_detach() */
void story_attach(struct machine *machine, uint64_t unused);
void story_quiesce(struct machine *machine, uint64_t status); /* vmem_quiesce() */
void story_resume(struct machine *machine, uint64_t unused);
void story_sleep(struct machine *machine, uint64_t unused); /* power off, then vmem_resume() */

/* Movable runs of 256 KiB in so many blocks from 0, a share of the eight that there is room for:
 * story_percent, 40 at first. */
extern unsigned story_percent;
void story_scatter(struct machine *machine, uint64_t nr_blocks);
void story_check_moves(struct machine *machine, uint64_t most); /* so often was a run moved */

/* A status as a value. */
#define STATUS(status) ((uint64_t)(int64_t)(status))

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A balloon device for the host programs, on the fake transport, and an allocator for its driver.
 *
 * Each page is the allocator's, the driver's, or the device's from the moment that an inflate
 * request names it until a deflate request does, or the device is reset. The test fails where the
 * driver breaks a rule of virtio 1.4, "Traditional Memory Balloon Device": a page told twice, one
 * deflated that is not in the balloon or whose inflation was not acknowledged, one given back to
 * the allocator while it is the device's, a buffer that is no array of numbers.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_BALLOON_H
#define TIDE_TESTS_FAKES_FAKE_BALLOON_H

#include "drivers/virtio/balloon/spec.h"
#include "drivers/virtio/include/vmem/balloon.h"
#include "include/units.h"
#include "tests/fakes/fake_transport.h"

#define FAKE_BALLOON_BASE     (256 * MIB)
#define FAKE_BALLOON_PAGES    16384 /* 64 MiB */
#define FAKE_BALLOON_CONFIG   16    /* bytes */
#define FAKE_BALLOON_FEATURES 0x3f

enum fake_balloon_owner { FAKE_OF_ALLOCATOR, FAKE_OF_DRIVER, FAKE_OF_DEVICE };

struct fake_balloon {
    struct fake_transport transport;
    u8 owners[FAKE_BALLOON_PAGES]; /* enum fake_balloon_owner */
    u32 nr_in_balloon;             /* the device's */
    u64 nr_inflated, nr_deflated;  /* pages named in requests */
    u64 nr_actual_writes;
    u64 stats[10]; /* as told last, by tag */
    bool asks_without_end;
    u64 nr_stats; /* buffers of statistics */
    u64 nr_reports;
    u64 nr_reported;  /* pages */
    u32 round_id;     /* of the round of hints that is going on; 0: none */
    u64 nr_rounds;    /* that a stop has ended */
    u64 nr_hints;     /* buffers */
    bool keeps_hints; /* they wait for fake_transport_answer_late() */
    u32 hint_length;  /* what the used entry of each says was written */
    u64 nr_hinted;    /* pages, that the device could make use of */

    /* The allocator. */
    bool is_early; /* pages may be used before the device has read of them (B10) */
    u64 max_run;   /* take() gives no more pages at once; 0: as many as there are */
    u64 nr_free;   /* that it is willing to give */
    u64 nr_takes;
    bool refuses;                 /* take() gives nothing */
    u8 known[FAKE_BALLOON_PAGES]; /* the host was told that it is idle */
    bool is_woken;                /* the wake context */

    struct vmem_balloon_options options; /* to be changed before attach */
    struct vmem_balloon *driver;         /* NULL while detached */
    u64 due_ms;
};

/* The host starts anew; a device with these features, an empty balloon, nothing wanted. */
void fake_balloon_start(struct fake_balloon *balloon, u64 features);

/* vmem_balloon_attach(), which must succeed; or its status. */
void fake_balloon_attach(struct fake_balloon *balloon);
int fake_balloon_try_attach(struct fake_balloon *balloon);

/* The host wants so many pages in the balloon; an interrupt once the driver runs. */
void fake_balloon_want(struct fake_balloon *balloon, u32 nr_pages);

/* Let that much time pass: the driver is called at once, when it wakes the host, and when due. */
void fake_balloon_run(struct fake_balloon *balloon, u64 ms);

/* Want, a millisecond, and then device, driver and `actual` agree on so many pages. */
void fake_balloon_follow(struct fake_balloon *balloon, u32 nr_pages);
void fake_balloon_expect(const struct fake_balloon *balloon, u32 nr_pages);

/* Detach, if attached: every page is the allocator's again, and all memory is free. */
void fake_balloon_stop(struct fake_balloon *balloon);

/* The device uses the buffer of statistics that it has: it wants fresh ones. */
void fake_balloon_ask_for_stats(struct fake_balloon *balloon);

/* The command id becomes this; an interrupt once the driver runs. */
void fake_balloon_hint(struct fake_balloon *balloon, u32 id);

/* Somebody uses so many pages for a while, from the first on. */
void fake_balloon_use(struct fake_balloon *balloon, unsigned nr_pages);

u32 fake_balloon_actual(const struct fake_balloon *balloon);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Any numbers of granules by how much of them is in use, any number wanted, any
 * room. */
#include "mm/hotplug/hotplug.h"
#undef HOTPLUG_NR_BUCKETS
#define HOTPLUG_NR_BUCKETS 8
#include "mm/hotplug/choose.c"
#include "tests/proofs/kernel.h"

static u64 room;

u64 any_room(const struct hotplug_migration *session)
{
    (void)session;
    return room;
}

void harness(void)
{
    static struct hotplug_migration session;
    u64 wanted = nondet_u32(), below = 0, all = 0;
    room = nondet_u32();
    session.nr_wanted = wanted;
    for (unsigned i = 0; i < HOTPLUG_NR_BUCKETS; i++)
        all += session.nr_using[i] = nondet_u16();

    choose_limit(&session);
    for (unsigned i = 0; i < HOTPLUG_NR_BUCKETS && i < session.limit; i++)
        below += session.nr_using[i];
    PROVE(session.limit < HOTPLUG_NR_BUCKETS &&
          session.nr_at_limit <= session.nr_using[session.limit]);
    PROVE(session.nr_wanted == below + session.nr_at_limit); /* all that are cheaper, and some */
    PROVE(session.nr_wanted <= wanted && session.nr_wanted <= room);
    PROVE(session.nr_wanted == min_u64(all, min_u64(wanted, room))); /* nothing left undone */
}

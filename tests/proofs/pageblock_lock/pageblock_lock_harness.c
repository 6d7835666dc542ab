/* SPDX-License-Identifier: BSD-2-Clause */
/* Two processors under x86's memory order, at one pageblock: each allocates its lowest frame, frees
 * one that it has, or only looks at the entry. */
#include "mm/frame_bits.h"
#include "tests/proofs/proof.h"

enum operation { ALLOCATE, FREE, LOOK, NR_OPERATIONS };

static u32 entry;
static u64 word;                    /* of its bits */
static u64 owned_here, owned_there; /* the frames that each processor has */
static bool is_done;

/* The frames that the processor has then. */
static u64 run(enum operation operation, u64 owned, u64 bit)
{
    u32 locked = pageblock_lock(&entry);
    if (operation == ALLOCATE && word != 0) {
        u64 bits = word;
        word = bits & (bits - 1);
        pageblock_unlock(&entry, locked - 1);
        return owned | (bits & -bits);
    }
    if (operation == FREE && (owned >> bit & 1)) {
        PROVE(frame_bits_give(&word, bit, 0));
        pageblock_unlock(&entry, locked + 1);
        return owned & ~((u64)1 << bit);
    }
    pageblock_unlock(&entry, locked);
    return owned;
}

static void other_processor(enum operation operation, u64 bit)
{
    owned_there = run(operation, owned_there, bit);
    is_done = true;
}

static u32 count_of(u64 owned)
{
    return (u32)__builtin_popcountll(owned);
}

void harness(void)
{
    enum operation here = nondet_u8() % NR_OPERATIONS, there = nondet_u8() % NR_OPERATIONS;
    u64 bit = nondet_u8() % 64, bit_there = nondet_u8() % 64;
    entry = nondet_u32();
    word = nondet_u64();
    owned_here = nondet_u64();
    owned_there = nondet_u64();
    ASSUME(!(entry & PB_LOCK) && (entry & PB_FREE) > 1 && (entry & PB_FREE) < PAGEBLOCK_FRAMES);
    ASSUME((word & owned_here) == 0 && ((word | owned_here) & owned_there) == 0);
    u64 all = word | owned_here | owned_there;
    u32 before = entry + count_of(owned_here) + count_of(owned_there);

__CPROVER_ASYNC_1:
    other_processor(there, bit_there);
    owned_here = run(here, owned_here, bit);
    ASSUME(is_done);
    PROVE((word & owned_here) == 0 && ((word | owned_here) & owned_there) == 0);
    PROVE((word | owned_here | owned_there) == all);
    PROVE(entry + count_of(owned_here) + count_of(owned_there) == before);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Two processors under x86's memory order: one claims pageblocks of a section, or one huge page,
 * the other one claims too, or returns one that it has. */
#include "mm/section.h"
#include "tests/proofs/proof.h"

static struct section section;
static u64 owned_here, owned_there; /* by each processor */
static bool is_done;

static u64 claim_some(u64 mask, u64 index, bool is_one)
{
    if (is_one)
        return section_claim_one(&section, index) ? (u64)1 << index : 0;
    return section_claim(&section, mask) ? mask : 0;
}

static void other_processor(u64 mask, u64 index, bool is_one, bool returns)
{
    if (returns) {
        owned_there = 0;
        section_return_one(&section, index);
    } else {
        owned_there |= claim_some(mask, index, is_one);
    }
    is_done = true;
}

void harness(void)
{
    u64 mask = nondet_u64(), mask_there = nondet_u64(), idle = nondet_u64();
    u64 index = nondet_u8() % 64, index_there = nondet_u8() % 64;
    bool is_one = nondet_bool(), is_one_there = nondet_bool(), returns = nondet_bool();
    section.idle = idle;
    section.reported = nondet_u64();
    owned_there = returns ? (u64)1 << index_there : 0;
    ASSUME((idle & owned_there) == 0);
    u64 all = idle | owned_there;

__CPROVER_ASYNC_1:
    other_processor(mask_there, index_there, is_one_there, returns);
    owned_here = claim_some(mask, index, is_one);
    ASSUME(is_done);
    PROVE((owned_here & owned_there) == 0);
    PROVE((section.idle & (owned_here | owned_there)) == 0);
    PROVE((section.idle | owned_here | owned_there) == all);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Random trees, by seed: a failure repeats, and says which. */
#include <stdio.h>

#include "tests/unit/unit.h"

#include "include/units.h"
#include "tests/fakes/fake_pci_random.h"
#include "tests/fakes/fake_platform.h"

#define NR_TREES 3000

static u64 random_state;

/* xorshift64*, Vigna 2016. */
static u32 draw(unsigned bytes)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (u32)(random_state * 0x2545f4914f6cdd1dull >> (64 - 8 * bytes));
}

TEST(test_random_trees)
{
    struct boot_info boot;
    fake_boot(&boot, 64 * MIB);
    for (u64 seed = 1; seed <= NR_TREES; seed++) {
        fake_console_clear();
        random_state = seed;
        char tree[32];
        snprintf(tree, sizeof(tree), "tree %llu\n", (unsigned long long)seed);
        platform_console_write(tree, strlen(tree)); /* what is shown of a failure */
        fake_pci_random_tree(&boot, draw);
    }
    fake_shutdown();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the checker share: how a check fails, and the memory as it should be. */
#ifndef VMEM_CONTRACT_INTERNAL_H
#define VMEM_CONTRACT_INTERNAL_H

#include <inttypes.h>
#include <stddef.h>

#include "contract.h"

struct check {
    const char *name;
    void (*run)(void);
};

extern const struct check host_checks[], memory_checks[], migration_checks[]; /* end: no name */

/* The contract that is being checked. */
extern const struct vmem_contract *contract;

/* End this check as failed unless the condition holds. The format tells values, without "\n". */
__attribute__((format(printf, 2, 3))) void expect(bool holds, const char *format, ...);

/* Leave this check out if the contract lacks what it needs. */
void skip_unless(bool can_be_checked);

/* realloc() that ends the program when there is no memory. */
void *contract_realloc(void *memory, size_t bytes);

/* ---- blocks ---- */

uint64_t block_base(unsigned block);
uint64_t blocks_bytes(unsigned nr_blocks);
unsigned nr_blocks(void);

/* online() and offline() that must succeed; from then on is_online() says so. */
void must_online(unsigned first, unsigned nr);
void must_offline(unsigned first, unsigned nr);
bool is_online(unsigned block);
void set_online(unsigned first, unsigned nr, bool online);

uint64_t used_in(unsigned first, unsigned nr);

/* A range that an operation named: whole blocks of the region, all of them online. */
void expect_online_blocks(struct vmem_range range, const char *operation);

/* ---- pages ---- */

struct pages {
    uint64_t *addresses;
    size_t nr;
};

/* Take every page that there is. Each must be whole, given out once, and outside the region or in
 * an online block. */
struct pages take_all(void);
void give_all(struct pages *pages);

/* Take one page in each of these blocks, and no other. */
struct pages take_in(const unsigned *blocks, size_t nr);

/* How many of the pages lie in these blocks. */
size_t count_in(const struct pages *pages, unsigned first, unsigned nr);

/* Every page of these blocks, which are online and of which nr_taken pages are taken, can be had.
 */
void expect_usable(unsigned first, unsigned nr, size_t nr_taken);

#endif

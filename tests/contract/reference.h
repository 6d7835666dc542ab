/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small host that keeps the contract: a byte for each page, and memory of this program behind.
 * On request it breaks the contract in one place, so that the checker can be checked.
 */
#ifndef VMEM_CONTRACT_REFERENCE_H
#define VMEM_CONTRACT_REFERENCE_H

#include "contract.h"

/* X(fault, the check that must fail) */
#define REFERENCE_FAULTS(X)                                                        \
    X(ADD_CHANGES_BLOCK_SIZE, "add_region changes nothing but the node")           \
    X(ADD_ACCEPTS_OVERLAP, "add_region refuses an overlap")                        \
    X(ADD_GIVES_OUT_ABSENT, "absent blocks are not given out")                     \
    X(ONLINE_GIVES_OUT_MORE, "online gives out the range, and only that")          \
    X(ONLINE_GIVES_OUT_LESS, "online gives out the range, and only that")          \
    X(OFFLINE_LEAVES_PAGES, "offline takes the range away")                        \
    X(PAGES_SHARE_MEMORY, "each page is memory of its own")                        \
    X(ONLINE_ACCEPTS_PRESENT, "online refuses present blocks and changes nothing") \
    X(ONLINE_HALF_ON_EXIST, "online refuses present blocks and changes nothing")   \
    X(USED_OFF_BY_A_PAGE, "used_bytes is exact")                                   \
    X(OFFLINE_HALF_ON_BUSY, "offline of a block in use changes nothing")           \
    X(OFFLINE_ACCEPTS_USED, "offline of a block in use changes nothing")           \
    X(IDLE_NAMES_USED, "next_idle names idle blocks only")                         \
    X(IDLE_BEYOND_RANGE, "next_idle stays in its range")                           \
    X(IDLE_ONE_BLOCK_ONLY, "next_idle names the first longest run")                \
    X(IDLE_MISSES_FIRST_RUN, "next_idle names the first longest run")              \
    X(REMOVE_WHILE_ONLINE, "remove_region refuses while blocks are online")        \
    X(ONLINE_LOSES_MEMORY, "online and offline lose no page")                      \
    X(ROOM_TOO_HIGH, "room is room")                                               \
    X(DESCRIBE_TOO_LONG, "describe_pinned keeps to its text")                      \
    X(ALLOC_FROM_REGION, "vmem_host_alloc keeps off the region")                   \
    X(STEP_EMPTIES_NOTHING, "migration empties blocks")                            \
    X(MOVE_LOSES_CONTENTS, "migrated pages keep their contents")                   \
    X(EMPTIED_GIVEN_OUT, "migration gives out no page of emptied blocks")          \
    X(TAKE_LEAVES_ONLINE, "migration_take takes offline")                          \
    X(TAKE_LOWEST_FIRST, "migration_take takes offline")                           \
    X(END_KEEPS_ISOLATED, "migration_end lets pages be given out")                 \
    X(OBSTACLE_IS_ROOM, "pages that may not be moved stay")                        \
    X(NOW_GOES_BACK, "vmem_host_now_ms never goes back")                           \
    X(NOW_STANDS, "vmem_host_now_ms advances")                                     \
    X(ALLOC_MISALIGNED, "vmem_host_alloc is aligned and apart")                    \
    X(DMA_MISALIGNED, "DMA memory is aligned")                                     \
    X(DMA_NOT_ZERO, "DMA memory is zero")                                          \
    X(DMA_OVERLAPS, "DMA memory is apart")                                         \
    X(DMA_WRONG_ADDRESS, "the device address leads to the DMA memory")             \
    X(WAKE_LOST, "no wake is lost")                                                \
    X(DEBUG_WITHOUT_ERRORS, "graver lines are wanted first")

#define REFERENCE_NAME(fault, check) FAULT_##fault,
enum reference_fault { NO_FAULT, REFERENCE_FAULTS(REFERENCE_NAME) };
#undef REFERENCE_NAME

extern enum reference_fault reference_fault;

/* What the checker needs to know of this host: its memory, its host functions. */
void reference_memory(struct vmem_contract *contract);
void reference_host(struct vmem_contract *contract);

/* Pages of the region that lie together, as memory of this program; NULL if there are none. For the
 * fault ALLOC_FROM_REGION. */
void *reference_take_from_region(size_t bytes);

#endif

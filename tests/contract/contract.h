/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a kernel keeps the contract of drivers/virtio/include/vmem/memory.h and host.h: a checker
 * for a program on the development machine, without a device. An embedder copies contract*.[ch],
 * links them with the kernel's allocator, its memory operations and its host functions, fills a
 * struct vmem_contract and calls vmem_contract_check(). reference.c is a host that passes.
 *
 * Each check begins and ends with a region that is known and absent, and no page taken. A check of
 * the memory operations that fails leaves them in a state that nobody knows, so it is the last.
 */
#ifndef VMEM_CONTRACT_H
#define VMEM_CONTRACT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <vmem/memory.h>

#define VMEM_CONTRACT_PAGE_BYTES 4096
#define VMEM_CONTRACT_NO_PAGE    UINT64_MAX

struct vmem_contract {
    FILE *output;

    /* A region that is not known yet: 8 blocks at least; each page of it is taken several times. */
    const struct vmem_memory_ops *memory;
    void *memory_context;
    struct vmem_region region;

    /* The allocator: a page that stays where it is, from the region or from other memory; its
     * guest-physical address, or VMEM_CONTRACT_NO_PAGE. All of its memory is taken at times. */
    uint64_t (*page_alloc)(void *context);
    void (*page_free)(void *context, uint64_t address);

    /* A page that may be moved: *address, which lasts, changes with it. NULL if nothing moves. */
    bool (*movable_alloc)(void *context, uint64_t *address);
    void (*movable_free)(void *context, uint64_t *address);
    void *allocator_context;

    /* Where this program reaches a page that was allocated; NULL: pages are not touched. */
    void *(*page_at)(void *context, uint64_t address);

    /* Where this program reaches the byte that a device reaches at this address, NULL for an
     * address that leads nowhere. NULL: the address is not followed. */
    void *(*dma_at)(uint64_t device_address);

    /* Let the clock of vmem_host_now_ms() go on where it is no real one; else NULL. */
    void (*pass_time)(void);

    /*
     * What the kernel's loop does between two calls of vmem_service(), without the sleep: true if
     * a call is due. It calls interruptible() at each point where an interrupt can come (before
     * interrupts go off, in the place of the sleep, after they come on).
     */
    bool (*wait)(void *wake_context, void (*interruptible)(void));
    void *wake_context;
};

/* Print a line for each check: "ok NAME", "FAIL NAME: values", or "skip NAME" where a callback that
 * it needs is NULL. How many failed. */
int vmem_contract_check(const struct vmem_contract *contract);

#endif

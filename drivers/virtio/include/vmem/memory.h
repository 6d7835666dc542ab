/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory operations: what the driver asks of the kernel's page allocator. Each device has a table
 * and a context of its own, so that two devices can feed two allocators.
 *
 * "Plug" and "unplug" are what the device does; "online" and "offline" are what the allocator does.
 * A block is absent (not mapped, nobody touches it) or online (the allocator may give it out). All
 * addresses are guest-physical, all sizes bytes, both whole blocks of the region. The driver calls
 * the operations from within vmem_attach...(), vmem_service() and vmem_detach(), one at a time for
 * a device; they must not call back into the library.
 */
#ifndef VMEM_MEMORY_H
#define VMEM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vmem_range {
    uint64_t base;
    uint64_t bytes;
};

struct vmem_region {
    uint64_t base;
    uint64_t bytes;
    uint64_t block_bytes; /* a multiple of 4096; need not be a power of two */
    bool has_node_id;     /* ACPI_PXM was negotiated: node_id is the device's word */
    uint16_t node_id;     /* else 0, and add_region() may write what it knows */
    const char *name;     /* the device's; valid until remove_region() */
};

/* What one step of moving pages came to. */
enum vmem_migration {
    VMEM_MIGRATION_NONE,    /* nothing can be moved that would empty a block: no step was taken */
    VMEM_MIGRATION_ONGOING, /* there is more to do: call again, after looking at the device */
    VMEM_MIGRATION_EMPTIED, /* *emptied holds no page any more, and gets none until the end */
    VMEM_MIGRATION_REFUSED, /* an owner did not let its page be moved; a later step may do better */
    VMEM_MIGRATION_NO_ROOM, /* there was no free page to move to */
};

/* Why pages are moved, as far as it matters to what may be tried. */
enum vmem_migration_attempt {
    VMEM_MIGRATION_FIRST,    /* a new resize, or nothing else is left: any page may be moved */
    VMEM_MIGRATION_NEXT,     /* what was moved in this resize is not moved again */
    VMEM_MIGRATION_CONTINUE, /* nor is an owner asked again that refused */
};

#define VMEM_MIGRATION_LATER UINT64_MAX

struct vmem_memory_ops {
    /*
     * Make the region known, all of it absent. VMEM_E_EXIST if it overlaps other memory,
     * VMEM_E_RANGE if the processor cannot reach it, VMEM_E_NOMEM. Once, at attach.
     */
    int (*add_region)(void *context, struct vmem_region *region);

    /* Forget the region, of which every block is absent; VMEM_E_BUSY otherwise. At detach. */
    int (*remove_region)(void *context, uint64_t base);

    /*
     * Map the range, which is plugged, and begin to give it out. All of it must be absent:
     * VMEM_E_EXIST otherwise. VMEM_E_NOMEM. After an error nothing has changed.
     */
    int (*online)(void *context, uint64_t base, uint64_t bytes);

    /*
     * Take the range back and unmap it: after VMEM_OK nobody has, gets or touches a byte of it.
     * All or nothing: VMEM_E_BUSY if a page of it is in use, VMEM_E_NOMEM; then nothing has
     * changed.
     */
    int (*offline)(void *context, uint64_t base, uint64_t bytes);

    /*
     * The first run, at its full length, of whole online blocks at or after `from` and below `to`
     * of which no page is in use. False if there is none.
     */
    bool (*next_idle)(void *context, uint64_t from, uint64_t to, struct vmem_range *idle);

    /* How many bytes of the range are in use: 0 means that offline() would not say VMEM_E_BUSY. */
    uint64_t (*used_bytes)(void *context, uint64_t base, uint64_t bytes);

    /*
     * How much of `bytes` more of the region online() can take now, by the memory that is left for
     * page tables and the like; a lower bound. NULL: all.
     */
    uint64_t (*room)(void *context, uint64_t base, uint64_t bytes);

    /*
     * Begin to empty blocks of [from, to) by moving pages, so that `bytes` can go; choose, and give
     * out no page of the chosen ones until migration_end(). How many bytes were chosen;
     * VMEM_MIGRATION_LATER if the steps choose, a part each. Ends a migration of this region that
     * was going on. NULL, with the next four: nothing moves.
     */
    uint64_t (*migration_begin)(void *context, uint64_t from, uint64_t to, uint64_t bytes,
                                enum vmem_migration_attempt attempt);

    /* Choose some, or move a bounded number of pages (2 MiB at most). */
    enum vmem_migration (*migration_step)(void *context, struct vmem_range *emptied);

    /*
     * Take the highest emptied blocks that lie together offline, at most max_bytes: VMEM_OK, and
     * *taken names them. VMEM_E_NODEV if there is none, or the allocator cannot take them while
     * they are isolated: after migration_end() they are idle. Else as offline(), and *taken names
     * what was tried.
     */
    int (*migration_take)(void *context, uint64_t max_bytes, struct vmem_range *taken);

    /* Why no more blocks can be emptied now: NONE (nothing can be moved), REFUSED, NO_ROOM. */
    enum vmem_migration (*migration_obstacle)(void *context);

    /* Give out pages of the chosen blocks again. Does nothing if none is chosen. */
    void (*migration_end)(void *context);

    /* What keeps blocks of the range plugged, for a person; NULL: nothing is said. */
    void (*describe_pinned)(void *context, uint64_t base, uint64_t bytes, char *text,
                            size_t text_bytes);
};

#ifdef __cplusplus
}
#endif

#endif

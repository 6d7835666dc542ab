/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The balloon device as the wire has it: virtio 1.4, "Traditional Memory Balloon Device".
 *
 * The config space says how many pages of 4 KiB the host wants in the balloon, and the driver
 * writes there how many it has put in. Pages go in by the inflate queue and out by the deflate
 * queue: a buffer is an array of 32-bit page numbers.
 */
#ifndef VMEM_BALLOON_SPEC_H
#define VMEM_BALLOON_SPEC_H

#include "../core/defs.h"

#define VIRTIO_BALLOON_PAGE_SHIFT 12
#define VIRTIO_BALLOON_PAGE_BYTES ((uint64_t)1 << VIRTIO_BALLOON_PAGE_SHIFT)

/* "Virtqueues". */
enum virtio_balloon_queue {
    VIRTIO_BALLOON_QUEUE_INFLATE = 0,
    VIRTIO_BALLOON_QUEUE_DEFLATE = 1,
    VIRTIO_BALLOON_QUEUE_STATS = 2,
    VIRTIO_BALLOON_QUEUE_HINT = 3,
    VIRTIO_BALLOON_QUEUE_REPORTING = 4,
    /* Where QEMU has it when it does not offer FREE_PAGE_HINT, whose queue would be here. */
    VIRTIO_BALLOON_QUEUE_REPORTING_QEMU = 3,
};

/* "Feature bits". */
enum virtio_balloon_feature_bit {
    VIRTIO_BALLOON_F_MUST_TELL_HOST = 0, /* no page is used before the host has let go of it */
    VIRTIO_BALLOON_F_STATS_VQ = 1,       /* a queue for statistics */
    VIRTIO_BALLOON_F_DEFLATE_ON_OOM = 2, /* pages may be used below the target, in need */
    VIRTIO_BALLOON_F_FREE_PAGE_HINT = 3, /* a queue for what need not be migrated */
    VIRTIO_BALLOON_F_PAGE_POISON = 4,    /* free pages hold poison_val */
    VIRTIO_BALLOON_F_PAGE_REPORTING = 5, /* a queue for idle memory */
};

/* "Device configuration layout". */
struct virtio_balloon_config_abi {
    vmem_le32 num_pages; /* the target; changes any time, with an interrupt once DRIVER_OK is set */
    vmem_le32 actual;    /* the driver writes how many are in the balloon */
    vmem_le32 free_page_hint_cmd_id; /* with FREE_PAGE_HINT; changes as num_pages does */
    vmem_le32 poison_val;            /* with PAGE_POISON: the driver writes it before DRIVER_OK */
};

/* "Free Page Hinting": the command ids that begin no round. */
#define VIRTIO_BALLOON_CMD_ID_STOP 0
#define VIRTIO_BALLOON_CMD_ID_DONE 1

_Static_assert(sizeof(struct virtio_balloon_config_abi) == 16, "config layout");

/* "Memory Statistics Tags": those that this driver tells, in bytes. */
enum virtio_balloon_tag {
    VIRTIO_BALLOON_S_MEMFREE = 4,
    VIRTIO_BALLOON_S_MEMTOT = 5,
    VIRTIO_BALLOON_S_AVAIL = 6,
};

/* "Memory Statistics": 10 bytes. Three of them are 30, a multiple of 6, as is asked for (B20). */
struct virtio_balloon_stat_abi {
    vmem_le16 tag;
    vmem_le64 val;
} __attribute__((packed));

#define VIRTIO_BALLOON_STATS 3
_Static_assert(sizeof(struct virtio_balloon_stat_abi) == 10, "statistics layout");

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory device as the wire has it: virtio 1.4, "Memory Device".
 *
 * The device owns a region of guest-physical addresses, cut into blocks of
 * block_size bytes. Each block is plugged or unplugged. On the one queue the
 * driver sends a request of 24 bytes and gets a response of 10. Requests name
 * runs of blocks by address and count. The config space says how much the
 * host wants plugged (requested_size), and the driver works toward it.
 */
#ifndef VMEM_MEM_SPEC_H
#define VMEM_MEM_SPEC_H

#include "../core/defs.h"

#define VIRTIO_MEM_QUEUE 0

/* "Feature bits". */
enum virtio_mem_feature_bit {
    VIRTIO_MEM_F_ACPI_PXM = 0,               /* node_id is valid: an ACPI proximity domain */
    VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE = 1, /* unplugged memory must not even be read */
    VIRTIO_MEM_F_PERSISTENT_SUSPEND = 2,     /* suspend to RAM keeps plugged memory */
};

/* "Device configuration layout". All read only for the driver. */
struct virtio_mem_config_abi {
    vmem_le64
        block_size; /* fixed; changes only over a system reset, as do node_id, addr, region_size */
    vmem_le16 node_id;  /* valid with ACPI_PXM only */
    uint8_t padding[6]; /* ignored */
    vmem_le64 addr;
    vmem_le64 region_size;
    vmem_le64
        usable_region_size;   /* grows with an interrupt; shrinks by UNPLUG ALL or system reset */
    vmem_le64 plugged_size;   /* changes with requests, without an interrupt */
    vmem_le64 requested_size; /* changes any time, with an interrupt once DRIVER_OK is set */
};

_Static_assert(sizeof(struct virtio_mem_config_abi) == 56, "config layout");
_Static_assert(offsetof(struct virtio_mem_config_abi, addr) == 16, "config layout");
_Static_assert(offsetof(struct virtio_mem_config_abi, requested_size) == 48, "config layout");

/* "Device Operation": what is asked. */
enum virtio_mem_request_type {
    VIRTIO_MEM_REQ_PLUG = 0,
    VIRTIO_MEM_REQ_UNPLUG = 1,
    VIRTIO_MEM_REQ_UNPLUG_ALL = 2,
    VIRTIO_MEM_REQ_STATE = 3,
};

/* One layout for all: PLUG, UNPLUG and STATE use addr and nb_blocks, UNPLUG ALL neither. */
struct virtio_mem_request_abi {
    vmem_le16 type;
    uint8_t padding[6];
    vmem_le64 addr;
    vmem_le16 nb_blocks;
    uint8_t padding_end[6];
};

_Static_assert(sizeof(struct virtio_mem_request_abi) == 24, "request layout");
_Static_assert(offsetof(struct virtio_mem_request_abi, nb_blocks) == 16, "request layout");

#define VIRTIO_MEM_NB_BLOCKS_MAX 65535

enum virtio_mem_response_type {
    VIRTIO_MEM_RESP_ACK = 0,
    VIRTIO_MEM_RESP_NACK = 1,  /* PLUG, UNPLUG: not now, as config space stands */
    VIRTIO_MEM_RESP_BUSY = 2,  /* PLUG, UNPLUG, UNPLUG ALL: try again later */
    VIRTIO_MEM_RESP_ERROR = 3, /* the request itself is wrong */
};

/* The answer to a STATE request that was acknowledged. */
enum virtio_mem_state {
    VIRTIO_MEM_STATE_PLUGGED = 0,
    VIRTIO_MEM_STATE_UNPLUGGED = 1,
    VIRTIO_MEM_STATE_MIXED = 2,
};

struct virtio_mem_response_abi {
    vmem_le16 type;
    uint8_t padding[6];
    vmem_le16 state; /* STATE and ACK only */
};

_Static_assert(sizeof(struct virtio_mem_response_abi) == 10, "response layout");

#endif

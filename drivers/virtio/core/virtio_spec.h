/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Constants that every virtio device shares: virtio 1.4, "Reserved Feature
 * Bits" and "Virtqueues". The PCI transport's structures are in
 * ../pci/virtio_pci_spec.h, the memory device's in ../mem/spec.h, the rings' in
 * virtqueue_split.c and virtqueue_packed.c, which alone touch them.
 */
#ifndef VMEM_CORE_VIRTIO_SPEC_H
#define VMEM_CORE_VIRTIO_SPEC_H

#include <stdint.h>

#define VIRTIO_ID_MEM     24
#define VIRTIO_ID_ENTROPY 4
#define VIRTIO_ID_BALLOON 5

enum virtio_feature_bit {
    VIRTIO_F_INDIRECT_DESC = 28,
    VIRTIO_F_EVENT_IDX = 29,
    VIRTIO_F_VERSION_1 = 32,
    VIRTIO_F_ACCESS_PLATFORM = 33,
    VIRTIO_F_RING_PACKED = 34,
    VIRTIO_F_IN_ORDER = 35,
    VIRTIO_F_ORDER_PLATFORM = 36,
    VIRTIO_F_SR_IOV = 37,
    VIRTIO_F_NOTIFICATION_DATA = 38,
    VIRTIO_F_NOTIF_CONFIG_DATA = 39,
    VIRTIO_F_RING_RESET = 40,
    VIRTIO_F_ADMIN_VQ = 41,
    VIRTIO_F_SUSPEND = 43,
};

#define VIRTIO_FEATURE(bit) ((uint64_t)1 << (bit))

/* The reserved feature bits: rings and transports, the same for every device type. */
#define VIRTIO_RESERVED_FEATURES (((uint64_t)1 << 50) - ((uint64_t)1 << 24))

#define VIRTQUEUE_SIZE_MAX 32768

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI transport as the wire has it: virtio 1.4, "Virtio Over PCI Bus".
 *
 * Vendor-specific PCI capabilities say in which BAR and where the transport's
 * structures are. Each field is accessed by its own width; those of 64 bits as
 * two halves ("PCI Device Layout").
 */
#ifndef VMEM_PCI_VIRTIO_PCI_SPEC_H
#define VMEM_PCI_VIRTIO_PCI_SPEC_H

#define VIRTIO_PCI_VENDOR               0x1af4
#define VIRTIO_PCI_TRANSITIONAL_FIRST   0x1000
#define VIRTIO_PCI_TRANSITIONAL_BALLOON 0x1002
#define VIRTIO_PCI_MODERN_BASE          0x1040 /* + the virtio device ID */
#define VIRTIO_PCI_MODERN_LAST          0x107f

/* The header of config space, as far as the transport uses it: PCI Local Bus Specification. */
enum virtio_pci_header_field {
    VIRTIO_PCI_HEADER_VENDOR = 0x00,       /* u16; the u16 behind it is the device */
    VIRTIO_PCI_HEADER_COMMAND = 0x04,      /* u16 */
    VIRTIO_PCI_HEADER_STATUS = 0x06,       /* u16 */
    VIRTIO_PCI_HEADER_CAPABILITIES = 0x34, /* u8: where the list begins; two low bits reserved */
    VIRTIO_PCI_HEADER_END = 0x40,          /* capabilities lie behind it, u8 id and u8 next */
    VIRTIO_PCI_CONFIG_BYTES = 256,
};

#define VIRTIO_PCI_COMMAND_MEMORY       0x0002
#define VIRTIO_PCI_COMMAND_MASTER       0x0004
#define VIRTIO_PCI_COMMAND_INTX_DISABLE 0x0400
#define VIRTIO_PCI_STATUS_CAPABILITIES  0x0010
#define VIRTIO_PCI_CAP_ID_VENDOR        0x09
#define VIRTIO_PCI_CAP_ID_MSIX          0x11
#define VIRTIO_PCI_BARS                 6

/* "Virtio Structure PCI Capabilities": offsets in the capability. */
enum virtio_pci_cap_field {
    VIRTIO_PCI_CAP_LEN = 2,      /* u8, of the whole capability */
    VIRTIO_PCI_CAP_CFG_TYPE = 3, /* u8 */
    VIRTIO_PCI_CAP_BAR = 4,      /* u8, 0 to 5; others are reserved */
    VIRTIO_PCI_CAP_OFFSET = 8,   /* le32, in the BAR */
    VIRTIO_PCI_CAP_LENGTH = 12,  /* le32, of the structure */
    VIRTIO_PCI_CAP_BYTES = 16,
    VIRTIO_PCI_CAP_NOTIFY_MULTIPLIER = 16, /* le32, notify only */
    VIRTIO_PCI_CAP_NOTIFY_BYTES = 20,
};

enum virtio_pci_cfg_type {
    VIRTIO_PCI_CFG_COMMON = 1,
    VIRTIO_PCI_CFG_NOTIFY = 2,
    VIRTIO_PCI_CFG_ISR = 3,
    VIRTIO_PCI_CFG_DEVICE = 4,
};

/* "Common configuration structure layout". Who writes: D the driver, d the device. */
enum virtio_pci_common_field {
    VIRTIO_PCI_COMMON_DEVICE_FEATURE_SELECT = 0,    /* u32 D */
    VIRTIO_PCI_COMMON_DEVICE_FEATURE = 4,           /* u32 d */
    VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT = 8,    /* u32 D */
    VIRTIO_PCI_COMMON_DRIVER_FEATURE = 12,          /* u32 D */
    VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR = 16,      /* u16 D, d on failure */
    VIRTIO_PCI_COMMON_NUM_QUEUES = 18,              /* u16 d */
    VIRTIO_PCI_COMMON_DEVICE_STATUS = 20,           /* u8 D d */
    VIRTIO_PCI_COMMON_CONFIG_GENERATION = 21,       /* u8 d */
    VIRTIO_PCI_COMMON_QUEUE_SELECT = 22,            /* u16 D: the fields below are that queue's */
    VIRTIO_PCI_COMMON_QUEUE_SIZE = 24,              /* u16 d: the maximum; D: the size used */
    VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR = 26,       /* u16 D, d on failure */
    VIRTIO_PCI_COMMON_QUEUE_ENABLE = 28,            /* u16 D, only ever 1 */
    VIRTIO_PCI_COMMON_QUEUE_NOTIFY_OFF = 30,        /* u16 d */
    VIRTIO_PCI_COMMON_QUEUE_DESC = 32,              /* u64 D */
    VIRTIO_PCI_COMMON_QUEUE_DRIVER = 40,            /* u64 D */
    VIRTIO_PCI_COMMON_QUEUE_DEVICE = 48,            /* u64 D */
    VIRTIO_PCI_COMMON_BYTES_MIN = 56,               /* what every device has */
    VIRTIO_PCI_COMMON_QUEUE_NOTIF_CONFIG_DATA = 56, /* u16 d, with NOTIF_CONFIG_DATA */
    VIRTIO_PCI_COMMON_BYTES = 58,                   /* what the driver uses */
};

#define VIRTIO_PCI_NO_VECTOR 0xffff

/* "ISR status capability": reading it clears it and takes INTx back. */
#define VIRTIO_PCI_ISR_QUEUE  0x1
#define VIRTIO_PCI_ISR_CONFIG 0x2

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MMIO transport as the wire has it: virtio 1.4, "MMIO Device Register
 * Layout". Control registers are accessed as 32 bits, config space by the
 * width of its fields.
 */
#ifndef VMEM_MMIO_VIRTIO_MMIO_SPEC_H
#define VMEM_MMIO_VIRTIO_MMIO_SPEC_H

#define VIRTIO_MMIO_MAGIC   0x74726976 /* "virt" */
#define VIRTIO_MMIO_VERSION 2          /* 1 is the legacy interface */

/* R: the driver reads it, W: it writes it. */
enum virtio_mmio_register {
    VIRTIO_MMIO_REG_MAGIC = 0x000,               /* R */
    VIRTIO_MMIO_REG_VERSION = 0x004,             /* R */
    VIRTIO_MMIO_REG_DEVICE_ID = 0x008,           /* R, 0: a placeholder */
    VIRTIO_MMIO_REG_DEVICE_FEATURES = 0x010,     /* R, the half selected by the next */
    VIRTIO_MMIO_REG_DEVICE_FEATURES_SEL = 0x014, /* W */
    VIRTIO_MMIO_REG_DRIVER_FEATURES = 0x020,     /* W, the half selected by the next */
    VIRTIO_MMIO_REG_DRIVER_FEATURES_SEL = 0x024, /* W */
    VIRTIO_MMIO_REG_QUEUE_SEL = 0x030,           /* W */
    VIRTIO_MMIO_REG_QUEUE_SIZE_MAX = 0x034,      /* R, 0: no such queue */
    VIRTIO_MMIO_REG_QUEUE_SIZE = 0x038,          /* W */
    VIRTIO_MMIO_REG_QUEUE_READY = 0x044,         /* RW */
    VIRTIO_MMIO_REG_QUEUE_NOTIFY = 0x050,        /* W */
    VIRTIO_MMIO_REG_INTERRUPT_STATUS = 0x060,    /* R, bit 0 used buffer, bit 1 config change */
    VIRTIO_MMIO_REG_INTERRUPT_ACK = 0x064,       /* W, the bits that were handled */
    VIRTIO_MMIO_REG_STATUS = 0x070,              /* RW, 0 asks for a reset */
    VIRTIO_MMIO_REG_QUEUE_DESC = 0x080,          /* W, low half, the high one at + 4; so the next */
    VIRTIO_MMIO_REG_QUEUE_DRIVER = 0x090,        /* W */
    VIRTIO_MMIO_REG_QUEUE_DEVICE = 0x0a0,        /* W */
    VIRTIO_MMIO_REG_CONFIG_GENERATION = 0x0fc,   /* R */
    VIRTIO_MMIO_REG_CONFIG = 0x100,
};

#endif

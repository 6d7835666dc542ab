/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtio device that a transport found (pci.h, mmio.h), and that a driver takes over. */
#ifndef VMEM_TRANSPORT_H
#define VMEM_TRANSPORT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vmem_virtio;

#define VMEM_VIRTIO_ID_BALLOON 5
#define VMEM_VIRTIO_ID_MEMORY  24

/* How the device's events reach the driver. */
enum vmem_irq_mode {
    VMEM_IRQ_AUTO, /* the first that works of the three below */
    VMEM_IRQ_MSIX,
    VMEM_IRQ_INTX,
    VMEM_IRQ_POLL, /* no interrupts: vmem_service() asks to be called every 10 ms */
};

/* The virtio device ID: VMEM_VIRTIO_ID_MEMORY for what vmem_attach() takes, VMEM_VIRTIO_ID_BALLOON
 * for vmem_balloon_attach(). */
uint32_t vmem_virtio_device_type(const struct vmem_virtio *virtio);

/* Where it is, for log lines: the location that the transport was given. */
const char *vmem_virtio_location(const struct vmem_virtio *virtio);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The modern PCI transport (virtio 1.4, "Virtio Over PCI Bus"), and what it needs of the host.
 *
 * A function is a handle of the host's, which the library only passes back. The host has found the
 * function; its BARs have addresses, and the bridges above it pass memory accesses and DMA.
 */
#ifndef VMEM_PCI_H
#define VMEM_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "transport.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the host's functions; none is called from an interrupt ---- */

/*
 * Config space: offset a multiple of bytes (1, 2 or 4), below 256; all ones where nothing answers.
 * Called at vmem_pci_create() and vmem_pci_destroy().
 */
uint32_t vmem_host_pci_read(void *function, uint16_t offset, unsigned bytes);
void vmem_host_pci_write(void *function, uint16_t offset, unsigned bytes, uint32_t value);

/*
 * Map [offset, offset + bytes) of a memory BAR, 0 to 5, uncached: VMEM_OK. VMEM_E_RANGE if it
 * leaves the BAR, VMEM_E_NODEV if that is no memory BAR or has no address, VMEM_E_NOMEM. At any
 * alignment; a page of registers may be mapped several times. The arguments are the device's, not
 * checked against the BAR's end. Called at vmem_pci_create(), and for a queue at each start.
 */
int vmem_host_pci_map(void *function, unsigned bar, uint64_t offset, size_t bytes,
                      volatile void **registers);

/* The end of one such mapping, with the values that it had. */
void vmem_host_pci_unmap(void *function, volatile void *registers, size_t bytes);

/*
 * An interrupt handler of the library: run it with interrupts off; it is short. False: the device
 * interrupts without end. Run it no more, and mask its vector, or its line if nobody shares that;
 * the library detaches it at the next vmem_service(), which is due.
 */
typedef bool (*vmem_irq_handler_t)(void *context);

/*
 * Have MSI-X vector `vector` (0 or 1) of the function call the handler, or with `vector` -1 its
 * legacy line, which may be shared: VMEM_OK. VMEM_E_UNSUPPORTED if the function or the host has
 * none, VMEM_E_NOMEM. The host writes the MSI-X table, has MSI-X enabled while a vector is
 * attached, and clears Interrupt Disable of the function's command register while the line is.
 * Called at each start of the device.
 */
int vmem_host_pci_irq_attach(void *function, int vector, vmem_irq_handler_t handler, void *context);
void vmem_host_pci_irq_detach(void *function, int vector);

/* ---- the library's ---- */

/*
 * The virtio device ID of a modern function (VMEM_VIRTIO_ID_MEMORY), or of a transitional balloon,
 * from its vendor and device IDs; 0 if it is neither.
 */
uint32_t vmem_pci_device_type(uint16_t vendor_id, uint16_t device_id);

/*
 * Find and map the transport's structures and switch the function on, its interrupts off. location:
 * "pci 0000:00:04.0", for log lines; copied, 47 characters at most. VMEM_E_NODEV if it is no modern
 * virtio function or lacks a structure (device config may be absent), VMEM_E_RANGE if one leaves
 * its BAR or overlaps another, VMEM_E_NOMEM; nothing is kept then. The device is not reset yet.
 */
int vmem_pci_create(void *function, const char *location, struct vmem_virtio **created);

/* Switch interrupts, decoding and bus mastering off, unmap, and free it. Not while attached. */
void vmem_pci_destroy(struct vmem_virtio *virtio);

#ifdef __cplusplus
}
#endif

#endif

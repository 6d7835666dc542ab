# SPDX-License-Identifier: BSD-2-Clause
# The library's sources, relative to this folder. A kernel that has no PCI, or no registers without
# it, leaves that transport out.

VMEM_CORE := core/format.c core/text.c core/virtio.c core/virtio_features.c core/virtqueue.c \
	core/virtqueue_packed.c core/virtqueue_split.c
VMEM_PCI := pci/virtio_pci.c pci/virtio_pci_caps.c pci/virtio_pci_irq.c
VMEM_MMIO := mmio/virtio_mmio.c
VMEM_MEM := $(patsubst %,mem/%.c,attach block_map bring_up config machine migrate online plan probe reply \
	report request state status track)
VMEM_BALLOON := $(patsubst %,balloon/%.c,attach hint idle pages service statistics transfer)

# SPDX-License-Identifier: BSD-2-Clause
# Programs that boot the whole kernel (fake_kernel.c) give it fake transports.

BOARD_LDFLAGS := $(patsubst %,-Xlinker --wrap=%,virtio_pci_create virtio_pci_destroy \
	virtio_mmio_create virtio_mmio_destroy)

$(O)/unit/kernel/test_kernel_%: UNIT_LDFLAGS := $(BOARD_LDFLAGS)

# SPDX-License-Identifier: BSD-2-Clause
# Programs that boot the whole kernel (fake_kernel.c) give it fake transports.

BOARD_LDFLAGS := $(patsubst %,-Xlinker --wrap=%,vmem_pci_create vmem_pci_destroy \
	vmem_mmio_create vmem_mmio_destroy)

$(O)/unit/kernel/test_kernel_%: UNIT_LDFLAGS := $(BOARD_LDFLAGS)

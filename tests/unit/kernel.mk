# SPDX-License-Identifier: BSD-2-Clause
# Programs that boot the whole kernel (fake_kernel.c) give it fake transports.

BOARD_LDFLAGS := $(patsubst %,-Xlinker --wrap=%,transport_create_pci transport_destroy_pci \
	transport_create_mmio transport_destroy_mmio)

$(O)/unit/kernel/test_kernel_%: UNIT_LDFLAGS := $(BOARD_LDFLAGS)

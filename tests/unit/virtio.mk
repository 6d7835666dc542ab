# SPDX-License-Identifier: BSD-2-Clause
# The tests of the library's core and transports: the fake host in place of kernel/vmem_host.c.

FAKE_HOST := $(O)/host/tests/fakes/fake_host.o

$(filter $(O)/unit/virtio/%,$(UNIT_TESTS)): $(FAKE_HOST)

-include $(FAKE_HOST:.o=.d)

# Counted, and failed, as allocations are.
$(O)/unit/virtio/%: UNIT_LDFLAGS := -Xlinker --wrap=vmem_host_pci_map -Xlinker --wrap=vmem_host_pci_unmap

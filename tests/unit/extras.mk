# SPDX-License-Identifier: BSD-2-Clause
# Which host programs have which extras: one is there if the object with its table of hooks is
# linked, and nothing else refers to that object.

PCI_EXTRAS := $(patsubst %,$(O)/host/extras/%.o,pci_fixup/pci_fixup pci_rescan/pci_rescan msix/vectors)
NUMA_EXTRAS := $(O)/host/extras/numa/node.o
OPTION_EXTRAS := $(patsubst %,$(O)/host/extras/%.o,cmdline/options_parse log/log_option mmio/mmio script/script slot/slot \
	virtio_options/virtio_features virtio_options/virtio_mem)
ALL_EXTRAS := $(patsubst %.c,$(O)/host/%.o,$(HOST_EXTRAS) monitor/monitor.c)

$(filter $(O)/unit/pci/% $(O)/unit/virtio/%,$(UNIT_TESTS)) $(QTEST_PROGRAM): $(PCI_EXTRAS)
$(O)/fuzz_pci_tree $(O)/fuzz_caps: $(PCI_EXTRAS)
$(O)/unit/mm/test_page_node $(O)/unit/virtio_mem/test_vmem_life: $(NUMA_EXTRAS)
$(filter $(O)/unit/kernel/test_kernel_%,$(UNIT_TESTS)) $(O)/fuzz_monitor: $(ALL_EXTRAS)
$(O)/unit/kernel/test_options $(O)/fuzz_multiboot2: $(OPTION_EXTRAS)
$(O)/unit/kernel/test_monitor: $(O)/host/extras/script/script.o $(O)/host/extras/line_edit/explain.o
ifdef DEBUG
$(UNIT_TESTS): $(O)/host/extras/check/poison.o
endif

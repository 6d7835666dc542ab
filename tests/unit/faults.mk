# SPDX-License-Identifier: BSD-2-Clause
# Programs in which each allocation goes by way of fake_faults.c, which can let the n-th fail; and
# one in which a page can be allocated just before its block goes offline.

FAULTY := page_alloc page_alloc_reserved page_alloc_run page_alloc_on_node place_boot_frame \
	metadata_pool_get platform_map_ram platform_unmap_ram platform_vm_map platform_map_mmio

$(O)/unit/mm/test_exhaustion_% $(O)/unit/virtio_mem/test_exhaustion_%: UNIT_LDFLAGS := $(FAULTY:%=-Xlinker --wrap=%)
$(O)/unit/virtio_mem/test_vmem_race: UNIT_LDFLAGS := -Xlinker --wrap=hotplug_offline \
	-Xlinker --wrap=hotplug_offline_locked

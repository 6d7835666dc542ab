# SPDX-License-Identifier: BSD-2-Clause
# Which extras are built: EXTRAS, all folders of extras/ by default, and what these need: the file
# `needs` of a folder names the others that it calls, and those that these call.

EXTRAS ?= $(notdir $(patsubst %/,%,$(wildcard extras/*/)))
BUILT_EXTRAS := $(sort $(EXTRAS) $(foreach extra,$(EXTRAS),$(file <extras/$(extra)/needs)))
$(foreach extra,$(BUILT_EXTRAS),$(if $(wildcard extras/$(extra)/*.c),,$(error EXTRAS: there is no extras/$(extra))))

EXTRA_SOURCES := $(foreach extra,$(BUILT_EXTRAS),$(wildcard extras/$(extra)/*.c extras/$(extra)/*.S))

# Folders of drivers/virtio that only the extra of the same name calls are built with it.
PART_SOURCES := $(addprefix drivers/virtio/,$(VMEM_BALLOON) $(VMEM_MMIO))
EXTRA_SOURCES += $(foreach extra,$(BUILT_EXTRAS),$(filter drivers/virtio/$(extra)/%,$(PART_SOURCES)))

# Extras that reach the machine itself: no host program has them.
MACHINE_EXTRAS := $(patsubst %,extras/%.c,suspend/suspend suspend/acpi_sleep suspend/smbios handover/handover \
	screen/screen screen/framebuffer screen/vga_text screen/font numa/acpi_node power/acpi_power \
	backtrace/address backtrace/callers backtrace/trap_report vm/vm_paging msix/messages page_rights/page_rights jobs/cpu_work no_tick/no_tick tickless/tickless tickless/clock ecam/acpi_mcfg crash/crash_kinds mp_table/mp_table)
HOST_EXTRAS := $(filter-out $(MACHINE_EXTRAS),$(wildcard extras/*/*.c)) $(PART_SOURCES)

# Changes only if EXTRAS does, so that the image is linked again.
$(O)/extras.list: always
	@mkdir -p $(@D)
	@echo "$(BUILT_EXTRAS)" | cmp -s - $@ || echo "$(BUILT_EXTRAS)" > $@

# Tide: see README.md, and `make help` for the targets.
#
# CC=clang builds with clang. DEBUG=1 poisons freed pages. O=DIR puts everything built into DIR.
# EXTRAS="vm screen" builds these folders of extras/ and no other; all by default.

CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
O ?= build$(if $(DEBUG),/debug)
# One name for a folder in the tree: the compiler writes it into what make reads back, the dependencies.
override O := $(patsubst $(CURDIR)/%,%,$(O))
DEFINES := $(if $(DEBUG),-DTIDE_DEBUG)
PYTHON ?= /usr/bin/python3
QEMU ?= qemu-system-x86_64

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror

# ---- the kernel ----

KERNEL_CFLAGS := -std=gnu11 -ffreestanding -O2 -g $(DEFINES) $(WARNINGS) -I. -Iarch/x86_64/include \
	-m64 -march=x86-64 -mgeneral-regs-only -mno-red-zone -mcmodel=small -fno-pic -fno-pie \
	-fno-stack-protector -falign-loops=1 -fno-asynchronous-unwind-tables \
	-fno-strict-aliasing -fcf-protection=none -MMD -MP
KERNEL_LDFLAGS := -nostdlib -static -Wl,--build-id=none -Wl,-z,noexecstack \
	-Wl,-z,max-page-size=4096 -Wl,-T,linker.ld

LIB_SOURCES := $(wildcard lib/*.c)
MM_SOURCES := $(wildcard mm/*.c mm/hotplug/*.c)
include drivers/virtio/files.mk
DRIVER_SOURCES := $(wildcard drivers/pci/*.c) $(addprefix drivers/virtio/,$(VMEM_CORE) $(VMEM_PCI) $(VMEM_MEM))
include extras/extras.mk
KERNEL_SOURCES := $(wildcard boot/*.S boot/*.c arch/x86_64/*.S arch/x86_64/*.c arch/x86_64/smp/*.S \
	arch/x86_64/smp/*.c kernel/*.c monitor/*.c) $(EXTRA_SOURCES) $(LIB_SOURCES) $(MM_SOURCES) $(DRIVER_SOURCES)
KERNEL_OBJECTS := $(patsubst %,$(O)/kernel/%.o,$(KERNEL_SOURCES))

.DEFAULT_GOAL := all
.PHONY: all always
all: $(O)/tide.elf

# An extra may link the image once more.
FIRST_LINK := tide.elf
include $(foreach extra,$(BUILT_EXTRAS),$(wildcard extras/$(extra)/*.mk))

$(O)/$(FIRST_LINK): $(KERNEL_OBJECTS) linker.ld $(O)/extras.list
	$(CC) $(KERNEL_LDFLAGS) -o $@ $(KERNEL_OBJECTS)

$(O)/kernel/%.c.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) -c -o $@ $<

$(O)/kernel/drivers/virtio/%: KERNEL_CFLAGS += -fstrict-aliasing

$(O)/kernel/%.S.o: %.S Makefile
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) -c -o $@ $<

# ---- host programs: the same sources of lib, mm, drivers and kernel against fakes ----

HOST_CC ?= gcc
HOST_SANITIZERS ?= -fsanitize=address,undefined -fno-sanitize-recover=all
HOST_CFLAGS := -std=gnu11 -O1 -g $(DEFINES) $(WARNINGS) -I. -Itests/unit/include -fno-omit-frame-pointer \
	-fno-strict-aliasing '-DVMEM_FAKE_ARCH="tests/fakes/fake_library_arch.h"' $(HOST_SANITIZERS) -MMD -MP

DRIVER_ONLY_FAKES := $(patsubst %,tests/fakes/fake_%.c,balloon host machine_alone memory migration story story_acts)
HOST_SOURCES := $(filter-out lib/string.c,$(LIB_SOURCES)) $(MM_SOURCES) \
	$(DRIVER_SOURCES) $(wildcard kernel/*.c monitor/*.c tests/unit/unit.c) $(filter-out $(DRIVER_ONLY_FAKES),$(wildcard tests/fakes/*.c)) arch/x86_64/acpi.c \
	arch/x86_64/page_tables.c boot/memory_map.c boot/pvh.c \
	$(HOST_EXTRAS)
HOST_OBJECTS := $(patsubst %.c,$(O)/host/%.o,$(HOST_SOURCES))
UNIT_SOURCES := $(wildcard tests/unit/*/test_*.c)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(O)/unit/%,$(UNIT_SOURCES))

$(O)/host/%.o: %.c
	@mkdir -p $(@D)
	$(HOST_CC) $(HOST_CFLAGS) -c -o $@ $<

$(O)/host/libtide.a: $(HOST_OBJECTS)
	@rm -f $@
	ar rcs $@ $^

$(O)/unit/%: $(O)/host/tests/unit/%.o $(O)/host/libtide.a
	@mkdir -p $(@D)
	$(HOST_CC) $(HOST_SANITIZERS) $(UNIT_LDFLAGS) -o $@ $(filter %.o,$^) $(O)/host/libtide.a -lcmocka -lpthread

.PHONY: unit
unit: $(UNIT_TESTS)
	@for test in $(UNIT_TESTS); do echo "== $$test"; $$test || exit 1; done

# ---- what a person runs: each does its own set-up ----

NPROC := $(shell nproc 2>/dev/null || echo 2)
BUILD = @$(MAKE) --no-print-directory -s -j$(NPROC) O=$(O)
# Of shell and gdb: make shell DEVICES="2G 1G,block=4M,packed=on" MEMORY=512M CPUS=2 APPEND='run="devices"'
MACHINE = $(foreach device,$(DEVICES),--device $(device)) $(addprefix --memory ,$(MEMORY)) $(addprefix --cpus ,$(CPUS)) \
	--append '$(subst ','\'',$(APPEND))'
TOOL = @O=$(O) PYTHON=$(PYTHON) QEMU=$(QEMU) PYTHONDONTWRITEBYTECODE=1
HOST_TARGETS := help setup run shell gdb iso test test-unit test-qemu test-libvirt test-tools lint book bench
.PHONY: $(HOST_TARGETS) unit-programs iso-image

help: ## this list
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/  make \1\t\2/p' Makefile tests/*/*.mk | expand -t 20

setup: ## install what is missing, each package named first
	$(TOOL) tools/setup

run: ## boot under QEMU and watch memory rise and fall
	$(TOOL) tools/setup run
	$(BUILD) all
	$(TOOL) $(PYTHON) tools/run $(O)/tide.elf

shell: ## the same machine, with the guest's monitor and the resize commands
	$(TOOL) tools/setup run
	$(BUILD) all
	$(TOOL) $(PYTHON) tools/shell $(O)/tide.elf --qmp $(O)/qmp.sock $(MACHINE)

gdb: ## stop at the first instruction, with symbols
	$(TOOL) tools/setup gdb
	$(BUILD) all
	$(TOOL) $(PYTHON) tools/gdb --qmp $(O)/qmp.sock $(MACHINE) $(O)/tide.elf

iso: ## build build/tide.iso: a disk and a CD, for BIOS and UEFI
	$(TOOL) tools/setup iso
	$(BUILD) iso-image
	@echo "$(O)/tide.iso"

test: ## all tests but libvirt's
	$(TOOL) tools/setup test
	$(BUILD) unit-programs $(TESTED)
	$(TOOL) $(PYTHON) tools/test $(O) unit qemu

test-unit: ## the host programs under sanitizers
	$(TOOL) tools/setup test
	$(BUILD) unit-programs
	$(TOOL) $(PYTHON) tools/test $(O) unit

test-qemu: ## the real image in the real QEMU; PYTEST_ARGS='-k zero' picks some
	$(TOOL) tools/setup test
	$(BUILD) $(TESTED)
	$(TOOL) $(PYTHON) tools/test $(O) qemu -- $(PYTEST_ARGS)

test-libvirt: ## a libvirt of its own runs the domain and resizes it with virsh; needs root
	$(TOOL) tools/setup libvirt
	$(BUILD) all iso-image
	$(TOOL) $(PYTHON) tools/test $(O) libvirt -- $(PYTEST_ARGS)

test-tools: ## the experiments, Linux beside Tide, the report in Chromium; tools/resize, mutate and soak
	$(TOOL) tools/setup tools
	$(BUILD) all iso-image $(O)/plugin/insn_count.so
	$(TOOL) $(PYTHON) tools/test $(O) tools -- $(PYTEST_ARGS)

lint: ## format, layers, calls, a clang build, sizes, scripts
	$(TOOL) tools/setup lint
	$(TOOL) $(PYTHON) tools/lint $(O)

book: ## the booklet from docs/, the labs and the sources: build/book/html/index.html and build/book/tide.pdf
	$(TOOL) tools/setup book
	$(TOOL) $(PYTHON) tools/book $(O)

bench: ## the figures, as a table and as build/bench.json; LINUX=1 measures Linux in the same run
	$(TOOL) tools/setup bench $(if $(LINUX),experiments)
	$(BUILD) all bench-programs $(O)/plugin/insn_count.so $(O)/bench/nop.elf
	$(if $(LINUX),$(TOOL) tools/linux-guest)
	$(TOOL) $(PYTHON) tools/bench $(O) $(if $(LINUX),--linux)

unit-programs: $(UNIT_TESTS)

iso-image: $(O)/tide.iso

$(O)/tide.iso: $(O)/tide.elf boot/grub.cfg tools/mkiso
	tools/mkiso $< $@

$(O)/plugin/%.so: tools/plugin/%.c
	@mkdir -p $(@D)
	$(HOST_CC) -std=gnu11 -O2 $(WARNINGS) -fPIC -shared -o $@ $<

$(O)/bench/nop.elf: tests/bench/nop.S
	@mkdir -p $(@D)
	$(CC) -m64 -nostdlib -static -no-pie -Wl,--build-id=none,-n,-Ttext=0x100000,-e,start -o $@ $<

# ---- upkeep ----

C_FILES = $(shell git ls-files '*.c' '*.h')

.PHONY: format clean
format:
	clang-format -i $(C_FILES)

clean:
	rm -rf $(O)

-include $(KERNEL_OBJECTS:.o=.d) $(HOST_OBJECTS:.o=.d) \
	$(patsubst %.c,$(O)/host/%.d,$(UNIT_SOURCES))
include $(wildcard tests/*/*.mk)
.SECONDARY:

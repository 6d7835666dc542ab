# SPDX-License-Identifier: BSD-2-Clause
# What a lab's tree builds otherwise, and `make grade`.
#
# -O1, each function by itself and with its frame pointer: gdb shows the lines in their order. A warning does not stop the build.

LAB_CFLAGS := -include tests/lab/missing.h -fno-omit-frame-pointer -fno-inline-functions-called-once -Wno-error -Wno-unused-function -Wno-unused-parameter
KERNEL_CFLAGS := $(patsubst -O2,-O1,$(KERNEL_CFLAGS)) $(LAB_CFLAGS)
HOST_CFLAGS += $(LAB_CFLAGS)

# Programs under ThreadSanitizer are built by this Makefile too, in a folder of their own.
$(O)/tsan/unit/%: always
	@$(MAKE) --no-print-directory -s O=$(O)/tsan HOST_SOURCES="$(ALLOCATOR_SOURCES)" \
	  HOST_SANITIZERS=-fsanitize=thread $@

# And optimized ones, as `make bench` measures them.
$(O)/plain/bench/%: always
	@$(MAKE) --no-print-directory -s O=$(O)/plain HOST_SOURCES="$(ALLOCATOR_SOURCES)" HOST_SANITIZERS=-O2 $@

# What the programs under ThreadSanitizer share.
.PHONY: course-tsan
course-tsan:
	@$(MAKE) --no-print-directory -s O=$(O)/tsan HOST_SOURCES="$(ALLOCATOR_SOURCES)" \
	  HOST_SANITIZERS=-fsanitize=thread $(O)/tsan/host/libtide.a

.PHONY: grade
grade: ## the points of the lab, with hints; CHECKPOINT=1, ONLY=TEXT, SEEDS=FILE, JSON=FILE
	$(TOOL) tools/setup course
	$(TOOL) $(PYTHON) tools/grade $(if $(CHECKPOINT),--checkpoint $(CHECKPOINT)) $(if $(ONLY),--only $(ONLY)) $(if $(SEEDS),--seeds $(SEEDS)) \
	  $(if $(JSON),--json $(JSON)) || [ $$? -eq 1 ] # a point that is missing is no error

.PHONY: debug
debug: ## one test of the lab in gdb, stopped at the line that fails: ONLY=NAME
	$(TOOL) tools/setup course
	$(TOOL) $(PYTHON) tools/grade --debug --only "$(ONLY)" $(if $(SEEDS),--seeds $(SEEDS))

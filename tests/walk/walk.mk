# SPDX-License-Identifier: BSD-2-Clause
# The allocator's tests built another way, under ThreadSanitizer in $(O)/tsan, and the long
# random walks: `make walk OPS=n SEED=n`. See docs/testing.md.

OPS ?= 10000000
SEED ?= 1

# What the allocator's tests need, without the drivers.
ALLOCATOR_SOURCES := $(filter-out lib/string.c lib/printf.c,$(LIB_SOURCES)) $(MM_SOURCES) \
	tests/unit/fake_platform.c

.PHONY: walk tsan-programs
walk: ## random operations on the allocator under sanitizers, OPS=10000000 SEED=1
	$(TOOL) tools/setup test
	$(BUILD) $(O)/unit/test_page_walk $(O)/unit/test_page_threads tsan-programs
	@tests/walk/run $(O) $(OPS) $(SEED)

tsan-programs:
	@$(MAKE) --no-print-directory -s O=$(O)/tsan HOST_SOURCES="$(ALLOCATOR_SOURCES)" \
	  HOST_SANITIZERS=-fsanitize=thread $(O)/tsan/unit/test_page_threads

unit-programs: tsan-programs

# SPDX-License-Identifier: BSD-2-Clause
# Things built another way, under ThreadSanitizer in $(O)/tsan and with DEBUG=1 in $(O)/debug, and
# the long random walks: `make walk OPS=n SEED=n`. See docs/testing.md.

OPS ?= 10000000
SEED ?= 1

# What the allocator's tests need, without the drivers but for their formatter.
ALLOCATOR_SOURCES := $(filter-out lib/string.c,$(LIB_SOURCES)) drivers/virtio/core/format.c $(MM_SOURCES) $(filter extras/check/p% extras/vm/vm% extras/vm/heap%,$(HOST_EXTRAS)) \
	$(patsubst %,tests/fakes/fake_%.c,mm model platform vm) tests/unit/unit.c

.PHONY: walk tsan-programs debug-programs debug-image
walk: ## random operations on the allocator under sanitizers, OPS=10000000 SEED=1
	$(TOOL) tools/setup test
	$(BUILD) $(O)/unit/mm/test_page_walk $(O)/unit/mm/test_page_threads tsan-programs
	@tests/walk/run $(O) $(OPS) $(SEED)

tsan-programs:
	@$(MAKE) --no-print-directory -s O=$(O)/tsan HOST_SOURCES="$(ALLOCATOR_SOURCES)" \
	  HOST_SANITIZERS=-fsanitize=thread \
	  $(patsubst %,$(O)/tsan/unit/mm/%,test_page_threads test_migrate_threads test_page_races) $(O)/tsan/bench/bench_contend

debug-programs:
	@$(MAKE) --no-print-directory -s O=$(O)/debug DEBUG=1 HOST_SOURCES="$(ALLOCATOR_SOURCES)" \
	  $(patsubst %,$(O)/debug/unit/mm/%,test_page_poison test_page_walk)

debug-image:
	@$(MAKE) --no-print-directory -s O=$(O)/debug DEBUG=1 all

unit-programs: tsan-programs debug-programs

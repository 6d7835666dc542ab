# SPDX-License-Identifier: BSD-2-Clause
# What `make bench` needs beside the image: host programs of the allocator's sources, optimized and without sanitizers.

.PHONY: bench-programs readme ledger
ledger: ## docs/performance.md's tables: one resize of Tide and of Linux, access by access
	$(TOOL) tools/setup experiments
	$(BUILD) all
	$(TOOL) tools/linux-guest
	$(TOOL) $(PYTHON) tools/ledger $(O)

readme: ## the README's figures and docs/figures/bench.json, from the last `make bench`
	$(TOOL) $(PYTHON) tools/bench $(O) --readme

bench-programs:
	@$(MAKE) --no-print-directory -s O=$(O)/plain HOST_SOURCES="$(ALLOCATOR_SOURCES)" \
	  HOST_SANITIZERS=-O2 $(patsubst %,$(O)/plain/bench/bench_%,reclaim page contend)

$(O)/bench/bench_page: $(O)/host/tests/bench/bench_page.o $(O)/host/libtide.a
	@mkdir -p $(@D)
	$(HOST_CC) -o $@ $^ -lcmocka

$(O)/bench/bench_reclaim: $(patsubst %,$(O)/host/tests/bench/%.o,bench_reclaim rivals) $(O)/host/libtide.a
	@mkdir -p $(@D)
	$(HOST_CC) -o $@ $^ -lcmocka

$(O)/bench/bench_contend: $(patsubst %,$(O)/host/tests/bench/%.o,bench_contend rivals) $(O)/host/libtide.a
	@mkdir -p $(@D)
	$(HOST_CC) $(HOST_SANITIZERS) -o $@ $^ -lcmocka -lpthread

# LLFREE=DIR: LLFree-C's sources, for one more column; they are for clang.
ifdef LLFREE
$(O)/host/tests/bench/rival_llfree.o: HOST_CC := clang-14
$(O)/host/tests/bench/rival_llfree.o: HOST_CFLAGS := -std=gnu11 -O2 -I. -I$(LLFREE)/include -I$(LLFREE)/std
$(O)/bench/bench_contend: $(O)/host/tests/bench/rival_llfree.o $(O)/bench/llfree/libllc.a

$(O)/bench/llfree/libllc.a:
	$(MAKE) -C $(LLFREE) CC=clang-14 DEBUG=0 BUILDDIR=$(abspath $(@D)) $(abspath $@)
endif

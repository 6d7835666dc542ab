# SPDX-License-Identifier: BSD-2-Clause
# Host programs of `make bench`: the allocator's sources, optimized and without sanitizers.

.PHONY: bench-programs
bench-programs:
	@$(MAKE) --no-print-directory -s O=$(O)/plain HOST_SOURCES="$(ALLOCATOR_SOURCES)" \
	  HOST_SANITIZERS=-O2 $(O)/plain/bench/bench_reclaim $(O)/plain/bench/bench_page

$(O)/bench/bench_page: $(O)/host/tests/bench/bench_page.o $(O)/host/libtide.a
	@mkdir -p $(@D)
	$(HOST_CC) -o $@ $^ -lcmocka

$(O)/bench/bench_reclaim: $(patsubst %,$(O)/host/tests/bench/%.o,bench_reclaim rivals) $(O)/host/libtide.a
	@mkdir -p $(@D)
	$(HOST_CC) -o $@ $^ -lcmocka

# libFuzzer targets: `make fuzz SECONDS=n`. The sources of lib, mm, drivers
# and kernel and the fakes are built once more, by clang with coverage counters, in $(O)/fuzz.

FUZZ_CC ?= clang-14
FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_COMMON := $(O)/host/tests/fuzz/ring.o
FUZZ_OPTIONS := -max_len=512 -timeout=10 -verbosity=0 -print_final_stats=1
SECONDS ?= 30
FUZZ_CFLAGS := -O2 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_BUILD = @$(MAKE) --no-print-directory -s -j$(NPROC) HOST_CC=$(FUZZ_CC)

.PHONY: fuzz fuzz-programs fuzz-run
fuzz: ## hostile devices by libFuzzer, each target for SECONDS=30
	$(TOOL) tools/setup fuzz
	@$(MAKE) --no-print-directory -s fuzz-run

fuzz-programs: $(patsubst %,$(O)/fuzz_%,$(filter-out monitor,$(FUZZ_TARGETS)))

$(O)/fuzz_%: $(O)/host/tests/fuzz/fuzz_%.o $(FUZZ_COMMON) $(O)/host/libtide.a
	$(HOST_CC) -fsanitize=fuzzer,address,undefined $(UNIT_LDFLAGS) -o $@ $(filter %.o,$^) $(O)/host/libtide.a -lcmocka -lpthread

# The driver alone, as tests/unit/driver.mk has it.
$(O)/fuzz_states $(O)/fuzz_balloon: $(O)/fuzz_%: $(O)/host/tests/fuzz/fuzz_%.o $(O)/host/libvmem.a
	$(HOST_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ -lcmocka -lpthread

$(O)/fuzz_acpi: $(O)/host/extras/power/acpi_power.o

$(O)/fuzz_monitor: UNIT_LDFLAGS = $(BOARD_LDFLAGS)

# fuzz_monitor has its words from a table: to trace comparisons would cost it a third of its runs.
# New inputs that reach new code go to $(O)/fuzz/corpus, never to the committed seeds.
fuzz-run:
	$(FUZZ_BUILD) O=$(O)/fuzz HOST_SANITIZERS="$(FUZZ_CFLAGS)" fuzz-programs
	$(FUZZ_BUILD) O=$(O)/fuzz/monitor HOST_SANITIZERS="$(FUZZ_CFLAGS) -fno-sanitize-coverage=trace-cmp" \
	  $(O)/fuzz/monitor/fuzz_monitor
	@cp $(O)/fuzz/monitor/fuzz_monitor $(O)/fuzz/
	@cd $(O)/fuzz && mkdir -p $(addprefix corpus/,$(FUZZ_TARGETS))
	@for target in $(FUZZ_TARGETS); do \
	  log=$(O)/fuzz/$$target.log; \
	  $(O)/fuzz/fuzz_$$target $(FUZZ_OPTIONS) -max_total_time=$(SECONDS) \
	    -artifact_prefix=$(O)/fuzz/ $(O)/fuzz/corpus/$$target tests/fuzz/corpus/$$target \
	    >$$log 2>&1 || { tail -60 $$log; echo "fuzz_$$target: FAILED, see $$log"; exit 1; }; \
	  sed -n "s/^stat::number_of_executed_units: /fuzz_$$target: inputs /p" $$log; \
	done; echo "$(words $(FUZZ_TARGETS)) passed, 0 failed"

# SPDX-License-Identifier: BSD-2-Clause
# `make experiments` and `make figures`: the scenarios of experiments/, on Tide and beside Linux. Only
# `make figures` changes files of the tree.

SCENARIO_VERB := run
LATENCY_RUNS := 2
LONG_SCENARIOS := %/inflate.toml %/grain.toml %/three-guests.toml %/footprint.toml %/caches.toml
# Compared with nothing: in these, policies differ, or the guest is Linux.
ALONE := $(patsubst %,experiments/%.toml,policies three-guests replay caches)
EXPERIMENT = $(patsubst @%,%,$(TOOL)) $(PYTHON) tools/experiment

# A run that ends badly does not keep the scenarios after it from theirs.
.PHONY: experiments figures
experiments: ## a fast set of experiments: tables and pictures in build/experiments
	$(TOOL) tools/setup experiments
	$(BUILD) all $(O)/plugin/insn_count.so
	$(TOOL) tools/linux-guest
	@bad=0; \
	$(EXPERIMENT) compare --repetitions $(LATENCY_RUNS) $(FIGURES) experiments/latency.toml || bad=1; \
	$(EXPERIMENT) $(SCENARIO_VERB) $(FIGURES) \
		$(filter-out %/latency.toml $(LONG_SCENARIOS) $(ALONE),$(wildcard experiments/*.toml)) || bad=1; \
	$(EXPERIMENT) run $(FIGURES) $(filter-out $(LONG_SCENARIOS),$(ALONE)) $(GRAIN_ALONE) || bad=1; \
	exit $$bad

figures: SCENARIO_VERB := compare
figures: LATENCY_RUNS := 5
figures: LONG_SCENARIOS :=
figures: GRAIN_ALONE := experiments/grain.toml
figures: FIGURES := --figures docs/figures
figures: experiments ## all of them on Tide and beside Linux: the pictures that docs/ and experiments/ show (docs/figures) anew

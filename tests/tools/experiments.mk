# SPDX-License-Identifier: BSD-2-Clause
# `make experiments` and `make figures`: the scenarios of experiments/, on Tide and beside Linux. Only
# `make figures` changes files of the tree.

.PHONY: experiments figures
experiments: ## a fast set of experiments: tables and pictures in build/experiments
	$(TOOL) tools/setup experiments
	$(BUILD) all $(O)/plugin/insn_count.so
	$(TOOL) tools/linux-guest
	$(TOOL) $(PYTHON) tools/experiment compare --repetitions 2 $(FIGURES) experiments/latency.toml
	$(TOOL) $(PYTHON) tools/experiment run $(FIGURES) \
		$(filter-out %/latency.toml %/inflate.toml,$(wildcard experiments/*.toml))

figures: FIGURES := --figures docs/figures
figures: experiments ## the same, and the pictures that docs/ shows (docs/figures) anew

# SPDX-License-Identifier: BSD-2-Clause
# Wrong lines, and whether a unit test notices: tools/mutate.

LEAST ?= 0

.PHONY: mutate
mutate: ## wrong lines that no unit test notices: FILES="mm drivers/pci" SEED=1 MUTANTS=60
	$(TOOL) tools/setup mutate
	$(TOOL) $(PYTHON) tools/mutate $(O) $(FILES) --seed $(SEED) --count $(or $(MUTANTS),60) --least $(LEAST)

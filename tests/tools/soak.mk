# SPDX-License-Identifier: BSD-2-Clause
# One boot of the real image after the other, each by the plan of its seed: tools/soak.

HOURS ?= 1
BUSY ?= 0

.PHONY: soak
soak: ## random boots of the real image for HOURS=1 from SEED=1 on, beside BUSY=0 busy loops
	$(TOOL) tools/setup test
	$(BUILD) all iso-image
	$(TOOL) $(PYTHON) tools/soak --hours $(HOURS) --seed $(SEED) --busy $(BUSY)

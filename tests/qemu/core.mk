# SPDX-License-Identifier: BSD-2-Clause
# The core alone in $(O)/core, and with one extra (and what that needs) in $(O)/core/workload.

.PHONY: core-images
core-images:
	@$(MAKE) --no-print-directory -s O=$(abspath $(O))/core EXTRAS= all
	@$(MAKE) --no-print-directory -s O=$(abspath $(O))/core/workload EXTRAS=workload all

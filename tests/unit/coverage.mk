# SPDX-License-Identifier: BSD-2-Clause
# `make coverage`: the unit tests once more, built to count lines, in $(O)/coverage.

COVERAGE_CFLAGS := --coverage -O0 -fprofile-update=atomic

.PHONY: coverage
coverage: ## lines of the kernel that the unit tests reach; fails where too few
	$(TOOL) tools/setup coverage
	@$(MAKE) --no-print-directory -s -j$(NPROC) O=$(abspath $(O))/coverage \
	  HOST_SANITIZERS="$(COVERAGE_CFLAGS)" unit-programs
	$(TOOL) $(PYTHON) tools/coverage $(O)/coverage

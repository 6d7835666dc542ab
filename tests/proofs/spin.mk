# SPDX-License-Identifier: BSD-2-Clause
# The models of what several processors do at once.

.PHONY: prove-models
prove-models: ## SPIN checks the models of several processors: the flush, and one pageblock; and finds their faults
	$(TOOL) tools/setup spin
	@tests/proofs/spin $(O)

# All proofs, these first.
prove: $(if $(PROOFS)$(MUTANTS),,prove-models)

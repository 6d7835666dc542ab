# SPDX-License-Identifier: BSD-2-Clause
# The model of the flush between the processor that unmaps memory and one that sleeps.

.PHONY: prove-flush
prove-flush: ## SPIN checks the model of the flush of other processors, and finds its faults
	$(TOOL) tools/setup spin
	@tests/proofs/flush/run $(O)

# All proofs, this one first.
prove: $(if $(PROOFS)$(MUTANTS),,prove-flush)

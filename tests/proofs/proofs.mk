# SPDX-License-Identifier: BSD-2-Clause
# What a machine proves of the sources, and that it sees wrong lines: tools/prove.

.PHONY: prove
prove: ## CBMC proves tests/proofs; PROOFS="vmem_map_next" picks some, MUTANTS=1 sees wrong lines refuted
	$(TOOL) tools/setup prove
	$(TOOL) $(PYTHON) tools/prove $(O) $(PROOFS) $(if $(MUTANTS),--mutants)

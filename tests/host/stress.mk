# SPDX-License-Identifier: BSD-2-Clause
# The suites again and again on a busy machine; tools/stress runs them and tells what failed.

RUNS ?= 1
TESTS ?= qemu tools libvirt

.PHONY: stress
stress: ## the tests RUNS times beside four busy loops, and which failed; TESTS='qemu tools libvirt'
	$(TOOL) tools/setup test $(filter tools libvirt,$(TESTS))
	$(BUILD) all iso-image debug-image core-images $(QTEST_PROGRAM) $(O)/plugin/insn_count.so
	$(TOOL) $(PYTHON) tools/stress $(O) $(RUNS) $(TESTS) -- $(PYTEST_ARGS)

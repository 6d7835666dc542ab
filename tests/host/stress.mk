# SPDX-License-Identifier: BSD-2-Clause
# The suites again and again on a busy machine; tools/stress runs them and tells what failed.

# What the suite `qemu` runs.
TESTED = all tsan-programs iso-image debug-image core-images $(QTEST_PROGRAM) $(CONTRACT_PROGRAMS) $(O)/bare.elf $(O)/plugin/insn_count.so $(O)/bench/nop.elf

RUNS ?= 1
TESTS ?= qemu tools libvirt

.PHONY: stress
stress: ## the tests RUNS times beside four busy loops, and which failed; TESTS='qemu tools course libvirt'
	$(TOOL) tools/setup test $(filter tools course libvirt,$(TESTS))
	$(BUILD) $(TESTED) $(if $(filter course,$(TESTS)),course-base)
	$(TOOL) $(PYTHON) tools/stress $(O) $(RUNS) $(TESTS) -- $(PYTEST_ARGS)

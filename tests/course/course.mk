# SPDX-License-Identifier: BSD-2-Clause
# `make test-course`: each lab's skeleton, solution and wrong answers are made and graded as a student's.

.PHONY: test-course course-base
test-course: ## each lab of the course: what its skeleton, its solution and wrong answers are worth
	$(TOOL) tools/setup course
	@$(MAKE) --no-print-directory -s O=$(O) course-base
	$(TOOL) $(PYTHON) tools/test $(O) course -- $(PYTEST_ARGS)

# The objects that the labs' trees share.
course-base:
	$(TOOL) $(PYTHON) tests/course/base.py $(O)/course/base
	@$(MAKE) --no-print-directory -s -j$(NPROC) -C $(O)/course/base O=build all \
	  build/host/libtide.a build/host/libvmem.a build/host/tests/unit/unit.o
	@$(MAKE) --no-print-directory -s -j$(NPROC) -C $(O)/course/base O=build course-tsan

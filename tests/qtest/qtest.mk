# SPDX-License-Identifier: BSD-2-Clause
# The drivers as a host program against QEMU's own device: see docs/testing.md.

QTEST_PROGRAM := $(O)/qtest/test_qemu_device

$(QTEST_PROGRAM): $(patsubst %,$(O)/host/tests/qtest/%.o,test_qemu_device qtest) $(O)/host/libtide.a
	@mkdir -p $(@D)
	$(HOST_CC) $(HOST_SANITIZERS) -o $@ $(filter %.o,$^) $(O)/host/libtide.a -lcmocka -lpthread

-include $(patsubst %,$(O)/host/tests/qtest/%.d,test_qemu_device qtest)

# SPDX-License-Identifier: BSD-2-Clause
# The checker of the library's contract, against a host that keeps it or breaks it as it is told.

CONTRACT_CFLAGS := -std=c11 -pedantic -O1 -g $(WARNINGS) -Idrivers/virtio/include $(HOST_SANITIZERS) -MMD -MP
CONTRACT_OBJECTS := $(patsubst %.c,$(O)/%.o,$(wildcard tests/contract/contract*.c))
REFERENCE_OBJECTS := $(patsubst %.c,$(O)/%.o,$(wildcard tests/contract/*reference*.c))
CONTRACT_PROGRAMS := $(O)/contract/check_reference

$(O)/tests/contract/%.o: tests/contract/%.c
	@mkdir -p $(@D)
	$(HOST_CC) $(CONTRACT_CFLAGS) -c -o $@ $<

$(O)/contract/check_reference: $(CONTRACT_OBJECTS) $(REFERENCE_OBJECTS)
	@mkdir -p $(@D)
	$(HOST_CC) $(HOST_SANITIZERS) -o $@ $^

-include $(CONTRACT_OBJECTS:.o=.d) $(REFERENCE_OBJECTS:.o=.d)

# SPDX-License-Identifier: BSD-2-Clause
# The checker of the library's contract, against a host that keeps it or breaks it as it is told, and
# against Tide.

CONTRACT_CFLAGS := -std=c11 -pedantic -O1 -g $(WARNINGS) -Idrivers/virtio/include $(HOST_SANITIZERS) -MMD -MP
CONTRACT_OBJECTS := $(patsubst %.c,$(O)/contract/%.o,$(notdir $(wildcard tests/contract/contract*.c)))
REFERENCE_OBJECTS := $(patsubst %.c,$(O)/contract/%.o,$(notdir $(wildcard tests/contract/*reference*.c)))
CONTRACT_PROGRAMS := $(O)/contract/check_reference $(O)/contract/check_tide

$(CONTRACT_OBJECTS) $(REFERENCE_OBJECTS): $(O)/contract/%.o: tests/contract/%.c
	@mkdir -p $(@D)
	$(HOST_CC) $(CONTRACT_CFLAGS) -c -o $@ $<

$(O)/contract/check_reference: $(CONTRACT_OBJECTS) $(REFERENCE_OBJECTS)
	$(HOST_CC) $(HOST_SANITIZERS) -o $@ $^

$(O)/host/tests/contract/check_tide.o: HOST_CFLAGS += -Idrivers/virtio/include

$(O)/contract/check_tide: $(CONTRACT_OBJECTS) $(O)/host/tests/contract/check_tide.o $(O)/host/libtide.a
	$(HOST_CC) $(HOST_SANITIZERS) -o $@ $^ -lcmocka -lpthread

-include $(CONTRACT_OBJECTS:.o=.d) $(REFERENCE_OBJECTS:.o=.d) $(O)/host/tests/contract/check_tide.d

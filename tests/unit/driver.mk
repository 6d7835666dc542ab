# SPDX-License-Identifier: BSD-2-Clause
# The driver's own tests: drivers/virtio against a host that has no mm/ in it. The link
# fails if the library needs anything else of Tide.

DRIVER_OBJECTS := $(patsubst %.c,$(O)/host/%.o,$(wildcard drivers/virtio/core/*.c drivers/virtio/mem/*.c drivers/virtio/balloon/*.c) \
	$(DRIVER_ONLY_FAKES) $(patsubst %,tests/fakes/fake_%.c,balloon machine ring transport vmem) \
	tests/unit/unit.c)

$(O)/host/libvmem.a: $(DRIVER_OBJECTS)
	@rm -f $@
	ar rcs $@ $^

define DRIVER_TEST
	@mkdir -p $(@D)
	$(HOST_CC) $(HOST_SANITIZERS) $(UNIT_LDFLAGS) -o $@ $< $(O)/host/libvmem.a -lcmocka -lpthread
endef

$(O)/unit/virtio_mem/%: $(O)/host/tests/unit/virtio_mem/%.o $(O)/host/libvmem.a
	$(DRIVER_TEST)
$(O)/unit/virtio_balloon/%: $(O)/host/tests/unit/virtio_balloon/%.o $(O)/host/libvmem.a
	$(DRIVER_TEST)

-include $(DRIVER_OBJECTS:.o=.d)

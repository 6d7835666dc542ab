# SPDX-License-Identifier: BSD-2-Clause
# The driver in another kernel, built by that kernel's own Makefile.

$(O)/bare.elf: $(wildcard examples/bare/* drivers/virtio/files.mk drivers/virtio/*/*.[ch] drivers/virtio/include/vmem/*.h)
	$(MAKE) --no-print-directory -C examples/bare CC=$(CC) O=$(abspath $(O)) $(abspath $@)

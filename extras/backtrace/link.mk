# SPDX-License-Identifier: BSD-2-Clause
# The image is linked twice: the names of the functions that the first link placed, and what the
# compiler says of their stacks, go into the second, where these tables come last in their segment.
# No function may have moved by that.

FIRST_LINK := kernel/unnamed.elf
FUNCTIONS_OF = nm -n $(1) | awk '$$2 ~ /^[tT]$$/'

TABLES := $(O)/kernel/symbols.o $(O)/kernel/unwind.o

$(O)/tide.elf: $(O)/kernel/unnamed.elf $(TABLES)
	$(CC) $(KERNEL_LDFLAGS) -o $@.new $(KERNEL_OBJECTS) $(TABLES)
	@$(call FUNCTIONS_OF,$@.new) | cmp -s - $(O)/kernel/functions || \
		{ echo "$@: a function moved in the second link"; exit 1; }
	@mv $@.new $@

$(O)/kernel/symbols.o: $(O)/kernel/unnamed.elf extras/backtrace/symbols.awk
	@$(call FUNCTIONS_OF,$<) > $(O)/kernel/functions
	@awk -f extras/backtrace/symbols.awk $(O)/kernel/functions > $(O)/kernel/symbols.S
	$(CC) -m64 -c -o $@ $(O)/kernel/symbols.S

$(O)/kernel/unwind.o: $(O)/kernel/unnamed.elf extras/backtrace/frames.awk extras/backtrace/rows.awk
	@readelf -wF $< | awk -f extras/backtrace/frames.awk | LC_ALL=C sort > $(O)/kernel/frames
	@awk -f extras/backtrace/rows.awk $(O)/kernel/frames > $(O)/kernel/unwind.S
	$(CC) -m64 -c -o $@ $(O)/kernel/unwind.S

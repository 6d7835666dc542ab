# SPDX-License-Identifier: BSD-2-Clause
# The image is linked twice: the names of the functions that the first link placed go into the
# second, where the table comes last in its segment. No function may have moved by that.

FIRST_LINK := kernel/unnamed.elf
FUNCTIONS_OF = nm -n $(1) | awk '$$2 ~ /^[tT]$$/'

$(O)/tide.elf: $(O)/kernel/unnamed.elf $(O)/kernel/symbols.o
	$(CC) $(KERNEL_LDFLAGS) -o $@.new $(KERNEL_OBJECTS) $(O)/kernel/symbols.o
	@$(call FUNCTIONS_OF,$@.new) | cmp -s - $(O)/kernel/functions || \
		{ echo "$@: a function moved in the second link"; exit 1; }
	@mv $@.new $@

$(O)/kernel/symbols.o: $(O)/kernel/unnamed.elf extras/backtrace/symbols.awk
	@$(call FUNCTIONS_OF,$<) > $(O)/kernel/functions
	@awk -f extras/backtrace/symbols.awk $(O)/kernel/functions > $(O)/kernel/symbols.S
	$(CC) -m64 -c -o $@ $(O)/kernel/symbols.S

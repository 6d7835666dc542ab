# SPDX-License-Identifier: BSD-2-Clause
# The tests that are about ACPI and SMBIOS; the others have tests/fakes/fake_arch.c in their place.

ACPI_OBJECTS := $(patsubst %,$(O)/host/%.o,extras/power/acpi_power extras/suspend/acpi_sleep extras/suspend/smbios)

$(O)/unit/extras/test_acpi_power: $(filter-out %/smbios.o,$(ACPI_OBJECTS))
$(O)/unit/extras/test_acpi_events: $(filter %/acpi_power.o,$(ACPI_OBJECTS))
$(O)/unit/extras/test_smbios: $(filter %/smbios.o,$(ACPI_OBJECTS))

-include $(ACPI_OBJECTS:.o=.d)

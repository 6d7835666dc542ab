/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: a PCI tree built from the input, with firmware's faults
 * and the devices'. tests/fakes/fake_pci_random.h says what must hold.
 */
#include "include/units.h"
#include "lib/log.h"
#include "tests/fakes/fake_pci_random.h"
#include "tests/fakes/fake_platform.h"
#include "tests/fuzz/fuzz.h"

static struct fuzz_input input;

static u32 draw(unsigned bytes)
{
    return (u32)fuzz_take(&input, bytes);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
    static struct boot_info boot;
    if (boot.nr_ranges == 0)
        fake_boot(&boot, 64 * MIB);
    fake_console_clear();
    input = (struct fuzz_input){data, bytes, 0};
    fake_pci_random_tree(&boot, draw);
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_machine.h: the driver over Tide's mm, with 64 MiB of boot RAM. */
#include "kernel/device_memory.h"
#include "mm/page.h"
#include "tests/fakes/fake_machine.h"
#include "tests/fakes/fake_mm.h"
#include "tests/unit/unit.h"

#define TURNS_PER_CHECK 64 /* of each frame */

static u64 plugged_used; /* frames, at the last turn */

void machine_host_start(void)
{
    static struct boot_info boot; /* mm keeps a pointer */
    fake_mm_start(&boot, 64 * MIB);
    plugged_used = 0;
}

void machine_host_stop(void)
{
    fake_shutdown();
}

void machine_pass_ms(uint64_t ms)
{
    fake_advance_ms(ms);
}

void machine_add_memory(struct machine *machine)
{
    struct device_memory *memory = calloc(1, sizeof(*memory));
    assert_non_null(memory);
    machine->options.memory = &device_memory_ops;
    machine->options.memory_context = memory;
    machine->options.translates_device_addresses = true;
}

void machine_remove_memory(struct machine *machine)
{
    free(machine->options.memory_context);
}

/* Whoever frees pages tells every driver, as the kernel does. */
void machine_tell_of_freed(struct machine *unused)
{
    struct page_stats stats;
    (void)unused;
    page_get_stats(&stats);
    if (stats.plugged_used == plugged_used)
        return;
    plugged_used = stats.plugged_used;
    for (struct machine *machine = machines; machine; machine = machine->next) {
        if (machine->driver)
            vmem_memory_freed(machine->driver);
    }
}

void machine_check_memory(const struct machine *machine)
{
    if (machine->nr_calls % TURNS_PER_CHECK == 0)
        page_check();
}

uint64_t machine_online_bytes(const struct machine *only)
{
    struct page_stats stats;
    (void)only;
    page_get_stats(&stats);
    assert_int_equal(fake_mapped_bytes(), stats.plugged_frames * PAGE_BYTES);
    page_check();
    return fake_mapped_bytes();
}

void machine_hold_page(struct machine *machine)
{
    u64 bytes = machine->device.nr_blocks * machine->device.block_bytes;
    machine->held = page_alloc(0, PAGE_USER);
    assert_in_range(machine->held, machine->device.base, machine->device.base + bytes - 1);
}

void machine_expect_page(struct machine *machine)
{
    assert_true(fake_is_mapped(machine->held, PAGE_BYTES));
    page_free(machine->held, 0);
}

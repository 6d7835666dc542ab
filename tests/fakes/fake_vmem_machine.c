/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_vmem_machine.h. */
#include "tests/fakes/fake_vmem_machine.h"
#include "tests/fakes/fake_attach.h"
#include "tests/fakes/fake_mm.h"

void machine_boot_region(struct machine *machine, enum fake_vmem_manner manner, u64 base,
                         u64 block_bytes, u64 nr_blocks)
{
    static struct boot_info boot; /* mm keeps a pointer */
    memset(machine, 0, sizeof(*machine));
    fake_mm_start(&boot, 64 * MIB);
    fake_vmem_init(&machine->device, manner, base, block_bytes, nr_blocks);
}

void machine_boot(struct machine *machine, enum fake_vmem_manner manner)
{
    machine_boot_region(machine, manner, MACHINE_BASE, MACHINE_BLOCK, MACHINE_NR);
}

void machine_attach(struct machine *machine)
{
    assert_int_equal(fake_attach(&machine->device.transport.device, "vmem0", machine->irq_mode,
                                 machine->init, &machine->driver),
                     OK);
    machine->due_ms = 0;
}

void machine_start(struct machine *machine, enum fake_vmem_manner manner)
{
    machine_boot(machine, manner);
    machine_attach(machine);
    machine_run(machine, 10);
    assert_true(machine_status(machine).is_ready);
}

void machine_start_with_64m(struct machine *machine, enum fake_vmem_manner manner)
{
    machine_start(machine, manner);
    machine_resize(machine, 64 * MIB, 1);
    machine_expect(machine, 64 * MIB);
}

void machine_shutdown(struct machine *machine)
{
    fake_vmem_free(&machine->device);
    fake_shutdown();
}

/* Whoever frees pages says so, as the kernel does. */
static void tell_of_freed(struct machine *machine)
{
    struct page_stats stats;
    page_get_stats(&stats);
    if (stats.plugged_used != machine->plugged_used)
        vmem_memory_freed(machine->driver);
    machine->plugged_used = stats.plugged_used;
}

/* One turn of the kernel's loop at this moment. */
static void turn(struct machine *machine)
{
    u64 now_ms = platform_now_ms();
    tell_of_freed(machine);
    machine->nr_events = machine->device.transport.device.nr_interrupts;
    machine->due_ms = vmem_service(machine->driver, now_ms);
    machine->nr_calls++;
    /* Or the loop would never sleep. Only while pages are moved it must not. */
    machine->nr_at_once = machine->due_ms > now_ms ? 0 : machine->nr_at_once + 1;
    assert_true(machine->nr_at_once < 2000);
    fake_vmem_check(&machine->device);
    if (machine->nr_calls % 64 == 0) /* it looks at each frame */
        page_check();
}

void machine_run(struct machine *machine, u64 ms)
{
    u64 end_ms = platform_now_ms() + ms;
    turn(machine); /* as after an interrupt or a free */
    for (;;) {
        while (machine->device.transport.device.nr_interrupts != machine->nr_events ||
               machine->due_ms <= platform_now_ms())
            turn(machine);
        u64 now_ms = platform_now_ms();
        if (now_ms >= end_ms)
            break;
        fake_advance_ms(min_u64(max_u64(machine->due_ms, now_ms + 1), end_ms) - now_ms);
        if (platform_now_ms() >= machine->due_ms)
            turn(machine);
    }
}

void machine_resize(struct machine *machine, u64 bytes, u64 ms)
{
    fake_vmem_set_requested(&machine->device, bytes);
    machine_run(machine, ms);
}

struct vmem_status machine_status(const struct machine *machine)
{
    struct vmem_status status;
    vmem_get_status(machine->driver, &status);
    return status;
}

void machine_expect(const struct machine *machine, u64 plugged_bytes)
{
    struct vmem_status status = machine_status(machine);
    assert_int_equal(machine->device.plugged_bytes, plugged_bytes);
    assert_int_equal(status.plugged_blocks * machine->device.block_bytes, plugged_bytes);
    assert_int_equal(fake_mapped_bytes(), plugged_bytes);
    struct page_stats stats;
    page_get_stats(&stats);
    assert_int_equal(stats.plugged_frames * PAGE_BYTES, plugged_bytes);
    page_check();
}

void machine_hold_page(struct machine *machine)
{
    u64 bytes = machine->device.nr_blocks * machine->device.block_bytes;
    machine->page = page_alloc(0, PAGE_USER);
    assert_in_range(machine->page, machine->device.base, machine->device.base + bytes - 1);
}

void machine_expect_page(const struct machine *machine)
{
    assert_true(fake_is_mapped(machine->page, PAGE_BYTES));
    page_free(machine->page, 0);
}

void machine_expect_broken(const struct machine *machine, const char *reason)
{
    assert_int_equal(machine_status(machine).state, VMEM_STATE_BROKEN);
    const char *found = machine_status(machine).broken_reason;
    if (!strstr(found, reason))
        fail_msg("broken: %s, expected: %s", found, reason);
    assert_true(machine_status(machine).is_ready);
    assert_int_equal(vmem_service(machine->driver, platform_now_ms()), VMEM_NEVER);
}

unsigned machine_said(const char *text)
{
    unsigned times = 0;
    for (const char *at = fake_console(); (at = strstr(at, text)) != NULL; at++)
        times++;
    return times;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_machine.h. */
#include "tests/fakes/fake_machine.h"

#include "drivers/virtio/include/vmem/error.h"
#include "tests/fakes/fake_platform.h"
#include "tests/fakes/fake_story.h"
#include "tests/unit/unit.h"

#define MACHINES_MAX      4
#define CALLS_AT_ONCE_MAX 2000

static struct machine *machines[MACHINES_MAX]; /* that were added, for fake_is_mapped() */
static unsigned nr_machines;

/* In place of fake_platform.c's, which has mappings: here they are the blocks that are online. */
bool fake_is_mapped(u64 address, u64 bytes)
{
    for (unsigned i = 0; i < nr_machines; i++) {
        if (fake_memory_is_online(&machines[i]->memory, address, bytes))
            return true;
    }
    return false;
}

/* ---- start and end ---- */

static void on_freed(void *context)
{
    struct machine *machine = context;
    if (machine->driver)
        vmem_memory_freed(machine->driver);
}

void machine_add(struct machine *machine, enum fake_vmem_manner manner, const char *name,
                 uint64_t base, uint64_t block_bytes, uint64_t nr_blocks)
{
    assert_true(nr_machines < MACHINES_MAX);
    memset(machine, 0, sizeof(*machine));
    machines[nr_machines++] = machine;
    fake_vmem_init(&machine->device, manner, base, block_bytes, nr_blocks);
    fake_memory_init(&machine->memory);
    machine->memory.on_freed = on_freed;
    machine->memory.freed_context = machine;
    machine->options = (struct vmem_options){
        .name = name,
        .address_limit = (uint64_t)1 << 46,
        .memory = &fake_memory_ops,
        .memory_context = &machine->memory,
        .wake_context = &machine->nr_wakes,
    };
}

void machine_boot_region(struct machine *machine, enum fake_vmem_manner manner, uint64_t base,
                         uint64_t block_bytes, uint64_t nr_blocks)
{
    fake_host_start();
    nr_machines = 0;
    machine_add(machine, manner, "vmem0", base, block_bytes, nr_blocks);
}

void machine_boot(struct machine *machine, enum fake_vmem_manner manner)
{
    machine_boot_region(machine, manner, MACHINE_BASE, MACHINE_BLOCK, MACHINE_NR);
}

void machine_attach(struct machine *machine)
{
    assert_int_equal(
        vmem_attach(&machine->device.transport.device, &machine->options, &machine->driver),
        VMEM_OK);
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

void machine_detach(struct machine *machine, int expected)
{
    assert_int_equal(vmem_detach(machine->driver), expected);
    if (expected == VMEM_OK)
        machine->driver = NULL;
}

void machine_shutdown(struct machine *machine)
{
    fake_vmem_free(&machine->device);
    fake_memory_release(&machine->memory);
    machine->driver = NULL;
}

void machine_end(void)
{
    for (unsigned i = 0; i < nr_machines; i++)
        machine_shutdown(machines[i]);
    nr_machines = 0;
    fake_host_stop();
    story_explain_failure();
}

/* ---- the loop ---- */

void machine_turn(struct machine *machine)
{
    uint64_t now_ms = vmem_host_now_ms();
    uint64_t nr_steps = machine->memory.calls[FAKE_MEMORY_STEP];
    machine->nr_wakes_seen = machine->nr_wakes;
    machine->due_ms = vmem_service(machine->driver, now_ms);
    machine->nr_calls++;
    assert_in_range(machine->memory.calls[FAKE_MEMORY_STEP] - nr_steps, 0, 1);
    /* Or the loop would never sleep. Only while pages are moved it must not. */
    machine->nr_at_once = machine->due_ms > now_ms ? 0 : machine->nr_at_once + 1;
    assert_true(machine->nr_at_once < CALLS_AT_ONCE_MAX);
    fake_vmem_check(&machine->device);
}

static bool is_due(const struct machine *machine)
{
    return machine->nr_wakes != machine->nr_wakes_seen || machine->due_ms <= vmem_host_now_ms();
}

void machine_run(struct machine *machine, uint64_t ms)
{
    uint64_t end_ms = vmem_host_now_ms() + ms;
    machine_turn(machine);
    for (;;) {
        while (is_due(machine))
            machine_turn(machine);
        uint64_t now_ms = vmem_host_now_ms();
        if (now_ms >= end_ms)
            break;
        fake_host_advance_ms(min_u64(max_u64(machine->due_ms, now_ms + 1), end_ms) - now_ms);
    }
    fake_memory_check(&machine->memory);
}

void machine_resize(struct machine *machine, uint64_t bytes, uint64_t ms)
{
    fake_vmem_set_requested(&machine->device, bytes);
    machine_run(machine, ms);
}

/* ---- looking ---- */

struct vmem_status machine_status(const struct machine *machine)
{
    struct vmem_status status;
    vmem_get_status(machine->driver, &status);
    return status;
}

void machine_expect(const struct machine *machine, uint64_t plugged_bytes)
{
    struct vmem_status status = machine_status(machine);
    assert_int_equal(machine->device.plugged_bytes, plugged_bytes);
    assert_int_equal(status.plugged_blocks * machine->device.block_bytes, plugged_bytes);
    assert_int_equal(machine->memory.online_bytes, plugged_bytes);
}

void machine_hold_page(struct machine *machine)
{
    machine->held = fake_memory_alloc(&machine->memory, 1, FAKE_FIXED);
    assert_int_not_equal(machine->held, FAKE_MEMORY_NO_RUN);
}

void machine_expect_page(struct machine *machine)
{
    uint64_t address = fake_memory_address(&machine->memory, machine->held);
    assert_true(fake_memory_is_online(&machine->memory, address, FAKE_MEMORY_PAGE_BYTES));
    fake_memory_free(&machine->memory, machine->held);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_machine.h. */
#include "tests/fakes/fake_machine.h"

#include "drivers/virtio/include/vmem/error.h"
#include "drivers/virtio/include/vmem/host.h"
#include "tests/unit/unit.h"

#define CALLS_AT_ONCE_MAX 2000

struct machine *machines;

/* ---- start and end ---- */

void machine_add(struct machine *machine, enum fake_vmem_manner manner, const char *name,
                 uint64_t base, uint64_t block_bytes, uint64_t nr_blocks)
{
    memset(machine, 0, sizeof(*machine));
    fake_vmem_init(&machine->device, manner, base, block_bytes, nr_blocks);
    machine->options = (struct vmem_options){
        .name = name,
        .address_limit = (uint64_t)1 << 46,
        .wake_context = &machine->is_woken,
    };
    machine_add_memory(machine);
    machine->next = machines;
    machines = machine;
}

void machine_boot_region(struct machine *machine, enum fake_vmem_manner manner, uint64_t base,
                         uint64_t block_bytes, uint64_t nr_blocks)
{
    machines = NULL;
    machine_host_start();
    machine_add(machine, manner, "vmem0", base, block_bytes, nr_blocks);
}

void machine_boot(struct machine *machine, enum fake_vmem_manner manner)
{
    machine_boot_region(machine, manner, MACHINE_BASE, MACHINE_BLOCK, MACHINE_NR);
}

int machine_try_attach(struct machine *machine)
{
    machine->due_ms = 0;
    return vmem_attach(&machine->device.transport.device, &machine->options, &machine->driver);
}

void machine_attach(struct machine *machine)
{
    assert_int_equal(machine_try_attach(machine), VMEM_OK);
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

void machine_end(void)
{
    for (; machines; machines = machines->next) {
        fake_vmem_free(&machines->device);
        machine_remove_memory(machines);
        machines->driver = NULL;
    }
    machine_host_stop();
}

/* ---- the loop ---- */

void machine_turn(struct machine *machine)
{
    uint64_t now_ms = vmem_host_now_ms();
    uint64_t nr_steps = machine->memory.calls[FAKE_MEMORY_STEP];
    machine_tell_of_freed(machine);
    machine->is_woken = false;
    machine->due_ms = vmem_service(machine->driver, now_ms);
    machine->nr_calls++;
    assert_in_range(machine->memory.calls[FAKE_MEMORY_STEP] - nr_steps, 0, 1);
    /* Or the loop would never sleep. Only while pages are moved it must not. */
    machine->nr_at_once = machine->due_ms > now_ms ? 0 : machine->nr_at_once + 1;
    assert_true(machine->nr_at_once < CALLS_AT_ONCE_MAX);
    fake_vmem_check(&machine->device);
    machine_check_memory(machine);
}

void machine_run(struct machine *machine, uint64_t ms)
{
    uint64_t end_ms = vmem_host_now_ms() + ms;
    machine_turn(machine);
    for (;;) {
        while (machine->is_woken || machine->due_ms <= vmem_host_now_ms())
            machine_turn(machine);
        uint64_t now_ms = vmem_host_now_ms();
        if (now_ms >= end_ms)
            break;
        machine_pass_ms(min_u64(max_u64(machine->due_ms, now_ms + 1), end_ms) - now_ms);
    }
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
    assert_int_equal(machine_online_bytes(machine), plugged_bytes);
}

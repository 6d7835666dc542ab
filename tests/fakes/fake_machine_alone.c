/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_machine.h: the driver without a kernel, on fake_host.h and fake_memory.h. */
#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_machine.h"
#include "tests/fakes/fake_platform.h"
#include "tests/fakes/fake_story.h"
#include "tests/unit/unit.h"

/* In place of fake_platform.c's, which has mappings: here they are the blocks that are online. */
bool fake_is_mapped(u64 address, u64 bytes)
{
    for (const struct machine *machine = machines; machine; machine = machine->next) {
        if (fake_memory_is_online(&machine->memory, address, bytes))
            return true;
    }
    return false;
}

void machine_host_start(void)
{
    fake_host_start();
}

void machine_host_stop(void)
{
    fake_host_stop();
    story_explain_failure();
}

void machine_pass_ms(uint64_t ms)
{
    fake_host_advance_ms(ms);
}

static void on_freed(void *context)
{
    struct machine *machine = context;
    if (machine->driver)
        vmem_memory_freed(machine->driver);
}

void machine_add_memory(struct machine *machine)
{
    fake_memory_init(&machine->memory);
    machine->memory.on_freed = on_freed;
    machine->memory.freed_context = machine;
    machine->options.memory = &fake_memory_ops;
    machine->options.memory_context = &machine->memory;
}

void machine_remove_memory(struct machine *machine)
{
    fake_memory_release(&machine->memory);
}

void machine_tell_of_freed(struct machine *machine)
{
    (void)machine; /* on_freed() has, at the time */
}

void machine_check_memory(const struct machine *machine)
{
    fake_memory_check(&machine->memory);
}

uint64_t machine_online_bytes(const struct machine *machine)
{
    return machine->memory.online_bytes;
}

void machine_hold_page(struct machine *machine)
{
    machine->held = fake_memory_alloc(&machine->memory, 1, FAKE_FIXED);
    assert_int_not_equal(machine->held, FAKE_MEMORY_NO_RUN);
}

void machine_expect_page(struct machine *machine)
{
    unsigned run = (unsigned)machine->held;
    uint64_t address = fake_memory_address(&machine->memory, run);
    assert_true(fake_memory_is_online(&machine->memory, address, FAKE_MEMORY_PAGE_BYTES));
    fake_memory_free(&machine->memory, run);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the host and the guest do in the rows of fake_story.h. */
#include "drivers/virtio/include/vmem/error.h"
#include "tests/fakes/fake_story.h"

#define CHUNK_PAGES (256 * KIB / FAKE_MEMORY_PAGE_BYTES)

/* ---- the host ---- */

void story_request(struct machine *machine, uint64_t bytes)
{
    fake_vmem_set_requested(&machine->device, bytes);
}

void story_request_unseen(struct machine *machine, uint64_t bytes)
{
    machine->device.requested_bytes = bytes;
    fake_vmem_update(&machine->device);
}

void story_raise_config(struct machine *machine, uint64_t unused)
{
    (void)unused;
    fake_transport_raise_config(&machine->device.transport);
}

void story_shrink_usable(struct machine *machine, uint64_t bytes)
{
    machine->device.usable_bytes = bytes;
    fake_vmem_update(&machine->device);
}

void story_host_memory(struct machine *machine, uint64_t bytes)
{
    machine->device.host_bytes = bytes;
}

void story_keep_answers(struct machine *machine, uint64_t keeps)
{
    struct fake_transport *transport = &machine->device.transport;
    transport->hold = keeps != 0;
    if (keeps == 0)
        (void)fake_transport_process(transport, 0);
}

void story_needs_reset(struct machine *machine, uint64_t unused)
{
    (void)unused;
    fake_transport_fail(&machine->device.transport);
}

void story_reset_takes(struct machine *machine, uint64_t reads)
{
    machine->device.transport.faults.reset_reads = (uint32_t)reads;
}

void story_lose_interrupts(struct machine *machine, uint64_t loses)
{
    machine->device.transport.faults.no_interrupts = loses != 0;
}

void story_interrupt(struct machine *machine, uint64_t unused)
{
    (void)unused;
    vmem_virtio_post_events(&machine->device.transport.device,
                            VIRTIO_EVENT_CONFIG | VIRTIO_EVENT_QUEUE);
}

void story_be_sane(struct machine *machine, uint64_t unused)
{
    (void)unused;
    machine->device.transport.faults = (struct fake_faults){0};
    machine->device.transport.reset_reads_left = 0;
}

void story_vanish(struct machine *machine, uint64_t unused)
{
    (void)unused;
    machine->device.transport.faults.vanished = true;
}

void story_config_runs(struct machine *machine, uint64_t runs)
{
    machine->device.transport.faults.generation_runs = runs != 0;
}

void story_is_lenient(struct machine *machine, uint64_t is_lenient)
{
    machine->device.is_strict = is_lenient == 0;
}

void story_plug(struct machine *machine, uint64_t block)
{
    fake_vmem_plug(&machine->device, block, 1);
}

void story_plug_five(struct machine *machine, uint64_t unused)
{
    (void)unused;
    fake_vmem_plug(&machine->device, 101, 5);
}

void story_misstate_plugged(struct machine *machine, uint64_t bytes)
{
    machine->device.plugged_excess = (int64_t)bytes;
    fake_vmem_update(&machine->device);
}

void story_move_region(struct machine *machine, uint64_t bytes)
{
    machine->device.base += bytes;
    fake_vmem_update(&machine->device);
}

void story_pull_out(struct machine *machine, uint64_t unused)
{
    (void)unused;
    vmem_gone(machine->driver, "it was pulled out");
}

void story_steal(struct machine *machine, uint64_t block)
{
    machine->device.is_thief = true;
    machine->device.plugged[block] = 0;
    machine->device.plugged_bytes -= machine->device.block_bytes;
    fake_vmem_update(&machine->device);
}

static uint64_t next_bytes;

static void request_now(struct fake_vmem *device, const struct fake_vmem_request *request)
{
    (void)request;
    device->before_request = NULL;
    fake_vmem_set_requested(device, next_bytes);
}

void story_request_at_next(struct machine *machine, uint64_t bytes)
{
    next_bytes = bytes;
    machine->device.is_strict = false; /* the driver could not know */
    machine->device.before_request = request_now;
}

/* ---- the guest ---- */

void story_hold_page(struct machine *machine, uint64_t unused)
{
    (void)unused;
    machine_hold_page(machine);
}

void story_hold(struct machine *machine, uint64_t block)
{
    assert_int_not_equal(fake_memory_hold(&machine->memory, block, 1, FAKE_FIXED),
                         FAKE_MEMORY_NO_RUN);
}

void story_hold_each(struct machine *machine, uint64_t nr_blocks)
{
    for (uint64_t i = 0; i < nr_blocks; i++)
        story_hold(machine, i);
}

void story_hold_every_other(struct machine *machine, uint64_t nr_blocks)
{
    for (uint64_t i = 1; i < nr_blocks; i += 2)
        story_hold(machine, i);
}

void story_hold_idle(struct machine *machine, uint64_t unused)
{
    (void)unused;
    for (uint64_t i = 0; i < machine->memory.nr_blocks; i++) {
        if (machine->memory.blocks[i].is_online && machine->memory.blocks[i].nr_used == 0)
            story_hold(machine, i);
    }
}

static void free_between(struct machine *machine, uint64_t from, uint64_t to)
{
    struct fake_memory *memory = &machine->memory;
    for (unsigned i = 0; i < memory->nr_runs; i++) {
        uint64_t block = memory->runs[i].first / memory->block_pages;
        if (memory->runs[i].nr_pages != 0 && block >= from && block < to)
            fake_memory_free(memory, i);
    }
}

void story_free_in(struct machine *machine, uint64_t block)
{
    free_between(machine, block, block + 1);
}

void story_free_below(struct machine *machine, uint64_t block)
{
    free_between(machine, 0, block);
}

static void free_each(struct machine *machine, unsigned nth)
{
    unsigned nr_seen = 0;
    for (unsigned i = 0; i < machine->memory.nr_runs; i++) {
        const struct fake_memory_run *run = &machine->memory.runs[i];
        if (run->nr_pages != 0 && run->mobility == FAKE_MOVABLE && nr_seen++ % nth == 0)
            fake_memory_free(&machine->memory, i);
    }
}

void story_free_every_other(struct machine *machine, uint64_t unused)
{
    (void)unused;
    free_each(machine, 2);
}

void story_free_every_fourth(struct machine *machine, uint64_t unused)
{
    (void)unused;
    free_each(machine, 4);
}

void story_expect_all_open(struct machine *machine, uint64_t unused)
{
    (void)unused;
    fake_memory_expect_all_open(&machine->memory);
}

void story_is_described(struct machine *machine, uint64_t is)
{
    char text[256];
    vmem_describe_pinned(machine->driver, text, sizeof(text));
    assert_int_equal(text[0] != '\0', is);
}

void story_free_all(struct machine *machine, uint64_t unused)
{
    (void)unused;
    fake_memory_free_all(&machine->memory);
}

unsigned story_percent = 40;

void story_scatter(struct machine *machine, uint64_t nr_blocks)
{
    uint64_t nr_runs = machine->memory.block_pages / CHUNK_PAGES;
    uint64_t random = 12345;
    for (uint64_t i = 0; i < nr_blocks * nr_runs; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        if ((random >> 33) % 100 >= story_percent)
            continue;
        assert_int_not_equal(
            fake_memory_hold(&machine->memory, i / nr_runs, CHUNK_PAGES, FAKE_MOVABLE),
            FAKE_MEMORY_NO_RUN);
    }
}

void story_check_moves(struct machine *machine, uint64_t most)
{
    for (unsigned i = 0; i < machine->memory.nr_runs; i++)
        assert_true(machine->memory.runs[i].nr_moves <= most);
}

void story_expect_page(struct machine *machine, uint64_t unused)
{
    (void)unused;
    machine_expect_page(machine);
}

void story_online_fails_after(struct machine *machine, uint64_t nr_calls)
{
    machine->memory.knobs.online_fails_after = (int64_t)nr_calls;
}

void story_offline_fails_after(struct machine *machine, uint64_t nr_calls)
{
    machine->memory.knobs.offline_fails_after = (int64_t)nr_calls;
}

void story_races(struct machine *machine, uint64_t count)
{
    machine->memory.knobs.races = (unsigned)count;
}

void story_online_limit(struct machine *machine, uint64_t bytes)
{
    machine->memory.knobs.online_limit = bytes;
}

void story_owners_refuse(struct machine *machine, uint64_t refuse)
{
    machine->memory.knobs.refuses = refuse != 0;
}

void story_verify(struct machine *machine, uint64_t status)
{
    assert_int_equal(STATUS(vmem_verify(machine->driver)), status);
}

void story_detach(struct machine *machine, uint64_t status)
{
    machine_detach(machine, (int)status);
}

void story_attach(struct machine *machine, uint64_t unused)
{
    (void)unused;
    machine_attach(machine);
}

void story_quiesce(struct machine *machine, uint64_t status)
{
    assert_int_equal(STATUS(vmem_quiesce(machine->driver)), status);
}

void story_resume(struct machine *machine, uint64_t unused)
{
    (void)unused;
    vmem_resume(machine->driver, vmem_host_now_ms());
}

void story_sleep(struct machine *machine, uint64_t unused)
{
    (void)unused;
    fake_transport_power_off(&machine->device.transport);
    vmem_resume(machine->driver, vmem_host_now_ms());
}

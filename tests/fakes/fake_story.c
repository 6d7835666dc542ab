/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_story.h. The acts are in fake_story_acts.c. */
#include "tests/fakes/fake_story.h"

#include <inttypes.h>

static struct {
    const char *name;
    size_t row;
    uint64_t at_ms;
} playing;

static const char *const count_names[] = {
    [STORY_PLUG] = "PLUG",
    [STORY_UNPLUG] = "UNPLUG",
    [STORY_UNPLUG_ALL] = "UNPLUG ALL",
    [STORY_STATE] = "STATE",
    [STORY_REQUESTS] = "requests",
    [STORY_NACK] = "NACK",
    [STORY_BUSY] = "BUSY",
    [STORY_ERROR] = "ERROR",
    [STORY_TIMEOUTS] = "timeouts",
    [STORY_RESETS] = "resets",
    [STORY_RESIZES] = "resizes",
    [STORY_MIGRATED] = "migrated blocks",
    [STORY_REFUSALS] = "refusals",
    [STORY_MOVES] = "moves",
    [STORY_ONLINES] = "online()",
    [STORY_NOTIFIES] = "notifications",
    [STORY_CONFIG_READS] = "config reads",
    [STORY_RESETS_SEEN] = "resets of the device",
    [STORY_CALLS] = "service calls",
    [STORY_WARNINGS] = "warnings",
    [STORY_ERROR_LINES] = "error lines",
    [STORY_SETTLED_LINES] = "settled lines",
};

static uint64_t count(const struct machine *machine, const struct vmem_status *status,
                      enum story_count what)
{
    const struct fake_vmem *device = &machine->device;
    const uint64_t values[] = {
        [STORY_PLUG] = device->count[VIRTIO_MEM_REQ_PLUG],
        [STORY_UNPLUG] = device->count[VIRTIO_MEM_REQ_UNPLUG],
        [STORY_UNPLUG_ALL] = device->count[VIRTIO_MEM_REQ_UNPLUG_ALL],
        [STORY_STATE] = device->count[VIRTIO_MEM_REQ_STATE],
        [STORY_REQUESTS] = fake_vmem_requests(device),
        [STORY_NACK] = status->replies[VIRTIO_MEM_RESP_NACK],
        [STORY_BUSY] = status->replies[VIRTIO_MEM_RESP_BUSY],
        [STORY_ERROR] = status->replies[VIRTIO_MEM_RESP_ERROR],
        [STORY_TIMEOUTS] = status->timeouts,
        [STORY_RESETS] = status->resets,
        [STORY_RESIZES] = status->resizes,
        [STORY_MIGRATED] = status->migrated_blocks,
        [STORY_REFUSALS] = status->migration_refusals,
        [STORY_MOVES] = machine->memory.nr_moves,
        [STORY_ONLINES] = machine->memory.calls[FAKE_MEMORY_ONLINE],
        [STORY_NOTIFIES] = device->transport.nr_notifies,
        [STORY_CONFIG_READS] = device->transport.nr_config_reads,
        [STORY_RESETS_SEEN] = device->transport.nr_resets,
        [STORY_CALLS] = machine->nr_calls,
        [STORY_WARNINGS] = fake_host_count(VMEM_LOG_WARNING),
        [STORY_ERROR_LINES] = fake_host_count(VMEM_LOG_ERROR),
        [STORY_SETTLED_LINES] = fake_host_said(": settled requested="),
    };
    return values[what];
}

/* ---- comparing ---- */

static void expect(bool holds, const char *what, uint64_t found, uint64_t expected)
{
    if (!holds)
        fail_msg("%s, row %zu at %" PRIu64 " ms: %s: %" PRIu64 ", expected %" PRIu64, playing.name,
                 playing.row, playing.at_ms, what, found, expected);
}

static void expect_equal(const char *what, uint64_t found, uint64_t expected)
{
    expect(found == expected, what, found, expected);
}

static void compare_names(const struct story_row *row, const struct vmem_status *status)
{
    if (row->expects_state && row->state != status->state)
        fail_msg("%s, row %zu at %" PRIu64 " ms: state %s, expected %s", playing.name, playing.row,
                 playing.at_ms, vmem_state_name(status->state), vmem_state_name(row->state));
    if (row->expects_wait && row->wait != status->wait)
        fail_msg("%s, row %zu at %" PRIu64 " ms: waiting: %s; expected: %s", playing.name,
                 playing.row, playing.at_ms, vmem_wait_text(status->wait),
                 vmem_wait_text(row->wait));
}

static void compare_plugged(const struct machine *machine, const struct vmem_status *status,
                            uint64_t bytes)
{
    expect_equal("plugged, by the device", machine->device.plugged_bytes, bytes);
    expect_equal("plugged, by the driver", status->plugged_blocks * machine->device.block_bytes,
                 bytes);
    expect_equal("online", machine->memory.online_bytes, bytes);
}

static void compare_counts(const struct machine *machine, const struct vmem_status *status,
                           const struct story_row *row, const uint64_t *before)
{
    for (unsigned i = 0; i < STORY_COUNTS_MAX; i++) {
        const struct story_limits *limits = &row->counts[i];
        if (limits->what == STORY_NO_COUNT)
            continue;
        uint64_t found = count(machine, status, limits->what);
        if (limits->is_more)
            found -= before[limits->what];
        const char *what = count_names[limits->what];
        expect(found >= limits->least, what, found, limits->least);
        expect(found <= limits->most, what, found, limits->most);
    }
}

static void compare(const struct machine *machine, const struct story_row *row,
                    const uint64_t *before)
{
    if (!machine->driver)
        return;
    struct vmem_status status = machine_status(machine);
    compare_names(row, &status);
    if (row->expects_settled)
        expect_equal("settled", status.is_settled, row->is_settled);
    if (row->expects_ready)
        expect_equal("ready", status.is_ready, row->is_ready);
    if (row->expects_plugged)
        compare_plugged(machine, &status, row->plugged_bytes);
    if (row->expects_due && row->due_in_ms == VMEM_NEVER)
        expect_equal("next call", machine->due_ms, VMEM_NEVER);
    else if (row->expects_due)
        expect(machine->due_ms <= vmem_host_now_ms() + row->due_in_ms, "next call", machine->due_ms,
               vmem_host_now_ms() + row->due_in_ms);
    compare_counts(machine, &status, row, before);
}

/* ---- playing ---- */

static void act(struct machine *machine, const struct story_row *row)
{
    if (row->has_mood)
        memcpy((char *)&machine->device.moods + row->mood, &row->times, sizeof(row->times));
    if (row->guest)
        row->guest(machine, row->guest_value);
    if (row->host)
        row->host(machine, row->host_value);
}

static void count_all(const struct machine *machine, uint64_t *counts)
{
    struct vmem_status status = {0};
    if (machine->driver)
        status = machine_status(machine);
    for (unsigned i = STORY_NO_COUNT + 1; i < STORY_NR_COUNTS; i++)
        counts[i] = count(machine, &status, (enum story_count)i);
}

static bool is_empty(const struct story_row *row)
{
    static const struct story_row empty;
    return memcmp(row, &empty, sizeof(empty)) == 0;
}

void story_play(const char *name, struct machine *machine, const struct story_row *rows,
                size_t nr_rows)
{
    uint64_t before[STORY_NR_COUNTS];
    uint64_t start_ms = vmem_host_now_ms();
    while (nr_rows > 0 && is_empty(&rows[nr_rows - 1]))
        nr_rows--;
    assert_true(nr_rows > 0);
    playing.name = name;
    for (size_t i = 0; i < nr_rows; i++) {
        const struct story_row *row = &rows[i];
        playing.row = i;
        playing.at_ms = row->at_ms;
        count_all(machine, before);
        expect(vmem_host_now_ms() <= start_ms + row->at_ms, "time", vmem_host_now_ms() - start_ms,
               row->at_ms);
        if (machine->driver && vmem_host_now_ms() < start_ms + row->at_ms)
            machine_run(machine, start_ms + row->at_ms - vmem_host_now_ms());
        act(machine, row);
        if (machine->driver)
            machine_run(machine, 0);
        compare(machine, row, before);
    }
    playing.name = NULL;
}

void story_explain_failure(void)
{
    if (playing.name)
        print_error("in %s, row %zu at %" PRIu64 " ms\n", playing.name, playing.row, playing.at_ms);
    playing.name = NULL;
}

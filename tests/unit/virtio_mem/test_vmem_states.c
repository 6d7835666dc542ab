/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The transitions of the machine: each state is met with each event that may end it. A pair that
 * the table of state.c allows and no scenario reached fails; one that it does not allow panics in
 * the driver. The log tells what happened: "state tracking -> probing, event 2".
 */
#include <stdio.h>

#include "drivers/virtio/mem/device.h"
#include "tests/fakes/fake_story.h"

static struct machine machine;

static const char *const event_names[] = {"config", "reply",  "time",    "memory", "device",
                                          "verify", "detach", "quiesce", "resume"};

static unsigned reached[VMEM_NR_STATES]; /* from a state, a bit for each event */

static enum vmem_state state(void)
{
    return machine_status(&machine).state;
}

TEST_WITH(test_a_transition_outside_the_table, NULL, machine_end)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    expect_assert_failure(vmem_enter(machine.driver, VMEM_STATE_STARTING, VMEM_EVENT_REPLY));
}

/* ---- ways into a state ---- */

static void into_starting(void)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine_attach(&machine);
}

static void into_releasing(void)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    fake_vmem_plug(&machine.device, 0, 32);
    machine.device.moods.busy = 3;
    machine_attach(&machine);
    machine_run(&machine, 1);
}

/* Two runs are plugged, and the device answers no question about them. */
static void into_probing(void)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    fake_vmem_set_requested(&machine.device, 64 * MIB);
    fake_vmem_plug(&machine.device, 3, 5);
    machine.options.init = VMEM_INIT_STATE;
    machine.device.moods.silent = 1;
    machine_attach(&machine);
    machine_run(&machine, 1);
}

static void into_tracking(void)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
}

static void into_migrating(void)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, 256 * MIB, 1);
    story_scatter(&machine, 128);
    machine.memory.knobs.pages_per_step = 64;
    fake_vmem_set_requested(&machine.device, 128 * MIB);
    while (machine.memory.nr_moves < 3)
        machine_turn(&machine);
}

static void into_quiesced(void)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    assert_int_equal(vmem_quiesce(machine.driver), VMEM_OK);
}

/* ---- events ---- */

static void time_passes(void)
{
    machine_run(&machine, 300 * 1000);
}

static void config_is_wrong(void)
{
    machine.device.requested_bytes = (MACHINE_NR + 1) * MACHINE_BLOCK;
    fake_vmem_update(&machine.device);
    machine_run(&machine, 2000);
}

static void plugged_size_is_wrong(void)
{
    machine.device.plugged_excess = (int64_t)MACHINE_BLOCK;
    fake_vmem_update(&machine.device);
    machine_run(&machine, 2000);
}

static void host_changes_its_mind(void)
{
    fake_vmem_set_requested(&machine.device, 256 * MIB);
    machine_run(&machine, 1);
}

static void resize_is_answered_with_error(void)
{
    machine.device.is_strict = false;
    machine.device.moods.error = 1;
    machine_resize(&machine, 128 * MIB, 100);
}

static void unplug_is_busy(void)
{
    machine.device.moods.busy = 1;
    machine_run(&machine, 100);
}

static void nothing_is_answered(void)
{
    machine.device.moods.silent = ~0u;
    machine_resize(&machine, 128 * MIB, 300 * 1000);
}

static void answers_are_wrong(void)
{
    machine.device.moods.silent = 0;
    machine.device.moods.bad_type = ~0u;
    time_passes();
}

static void device_needs_reset(void)
{
    machine.device.moods.needs_reset = 1;
    machine_resize(&machine, 128 * MIB, 100);
}

static void device_is_gone(void)
{
    vmem_gone(machine.driver, "it was pulled out");
}

static void pages_move(void)
{
    machine_run(&machine, 5000);
}

static void owners_refuse(void)
{
    machine.memory.knobs.refuses = true;
    machine_run(&machine, 5000);
}

static void user_verifies(void)
{
    assert_int_equal(vmem_verify(machine.driver), VMEM_OK);
    machine_run(&machine, 1);
}

static void user_detaches(void)
{
    fake_memory_free_all(&machine.memory);
    assert_int_not_equal(vmem_detach(machine.driver), VMEM_E_BUSY);
}

static void kernel_quiesces(void)
{
    assert_int_equal(vmem_quiesce(machine.driver), VMEM_OK);
    assert_int_equal(vmem_service(machine.driver, 0), VMEM_NEVER);
}

static void kernel_resumes(void)
{
    vmem_resume(machine.driver, 0);
    machine_run(&machine, 100);
}

static const struct scenario {
    void (*into)(void);
    enum vmem_state from;
    void (*event)(void);
} scenarios[] = {
    {into_starting, VMEM_STATE_STARTING, time_passes},
    {into_starting, VMEM_STATE_STARTING, kernel_quiesces},
    {into_starting, VMEM_STATE_STARTING, device_is_gone},
    {into_releasing, VMEM_STATE_RELEASING, time_passes},
    {into_releasing, VMEM_STATE_RELEASING, nothing_is_answered},
    {into_releasing, VMEM_STATE_RELEASING, config_is_wrong},
    {into_releasing, VMEM_STATE_RELEASING, kernel_quiesces},
    {into_releasing, VMEM_STATE_RELEASING, device_is_gone},
    {into_probing, VMEM_STATE_PROBING, time_passes},
    {into_probing, VMEM_STATE_PROBING, nothing_is_answered},
    {into_probing, VMEM_STATE_PROBING, answers_are_wrong},
    {into_probing, VMEM_STATE_PROBING, kernel_quiesces},
    {into_probing, VMEM_STATE_PROBING, device_is_gone},
    {into_tracking, VMEM_STATE_TRACKING, plugged_size_is_wrong},
    {into_tracking, VMEM_STATE_TRACKING, resize_is_answered_with_error},
    {into_tracking, VMEM_STATE_TRACKING, nothing_is_answered},
    {into_tracking, VMEM_STATE_TRACKING, device_needs_reset},
    {into_tracking, VMEM_STATE_TRACKING, user_verifies},
    {into_tracking, VMEM_STATE_TRACKING, kernel_quiesces},
    {into_tracking, VMEM_STATE_TRACKING, device_is_gone},
    {into_migrating, VMEM_STATE_MIGRATING, pages_move},
    {into_migrating, VMEM_STATE_MIGRATING, owners_refuse},
    {into_migrating, VMEM_STATE_MIGRATING, host_changes_its_mind},
    {into_migrating, VMEM_STATE_MIGRATING, unplug_is_busy},
    {into_migrating, VMEM_STATE_MIGRATING, nothing_is_answered},
    {into_migrating, VMEM_STATE_MIGRATING, user_verifies},
    {into_migrating, VMEM_STATE_MIGRATING, user_detaches},
    {into_migrating, VMEM_STATE_MIGRATING, kernel_quiesces},
    {into_migrating, VMEM_STATE_MIGRATING, device_is_gone},
    {into_quiesced, VMEM_STATE_QUIESCED, kernel_resumes},
    {into_quiesced, VMEM_STATE_QUIESCED, device_is_gone},
};

static enum vmem_state state_of(const char *name)
{
    for (unsigned i = 0; i < VMEM_NR_STATES; i++) {
        if (strcmp(vmem_state_name(i), name) == 0)
            return i;
    }
    fail_msg("'%s' is no state", name);
    return VMEM_NR_STATES;
}

/* Note the transitions that the log tells of. */
static void note_transitions(void)
{
    char from[16], to[16];
    unsigned event;
    for (const char *at = fake_host_lines(); (at = strstr(at, ": state ")) != NULL; at++) {
        assert_int_equal(sscanf(at, ": state %15s -> %15[a-z], event %u", from, to, &event), 3);
        assert_true(vmem_state_allows(state_of(from), event, state_of(to)));
        reached[state_of(from)] |= event;
    }
}

TEST(test_every_allowed_pair_is_reached)
{
    unsigned nr_missed = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(scenarios); i++) {
        fake_host_want(VMEM_LOG_DEBUG);
        scenarios[i].into();
        note_transitions();
        if (state() != scenarios[i].from)
            fail_msg("scenario %u: state %s, expected %s; %s", i, vmem_state_name(state()),
                     vmem_state_name(scenarios[i].from), fake_host_lines());
        fake_host_clear_lines();
        scenarios[i].event();
        note_transitions();
        machine_end();
    }
    for (unsigned from = 0; from < VMEM_NR_STATES; from++) {
        for (unsigned bit = 0; bit < ARRAY_SIZE(event_names); bit++) {
            bool is_allowed = false;
            for (unsigned to = 0; to < VMEM_NR_STATES; to++)
                is_allowed |= vmem_state_allows(from, 1u << bit, to);
            bool is_reached = (reached[from] >> bit & 1) != 0;
            if (is_allowed)
                printf("%-10s %-8s %s\n", vmem_state_name(from), event_names[bit],
                       is_reached ? "reached" : "MISSED");
            nr_missed += is_allowed && !is_reached;
        }
    }
    assert_int_equal(nr_missed, 0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The jobs of the monitor: turns, stop, limits, processors taken all or none,
 * and one that does not stop, whose memory must stay.
 */
#include "extras/jobs/job.h"

#include <asm/cpu.h>

#include "extras/jobs/walk_job.h"
#include "include/status.h"
#include "monitor/command_error.h"
#include "tests/fakes/fake_cpus.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

static unsigned nr_polls;
static unsigned nr_ends;
static unsigned nr_left; /* turns of work on the first processor */
static enum job_end ended_by;
static u64 worked; /* the processors that have worked, as bits */

static u64 poll_some(struct job *job, u64 now_ms)
{
    nr_polls++;
    if (job_is_ending(job) || nr_left == 0)
        return JOB_DONE;
    nr_left--;
    return now_ms;
}

static void note_work(struct job *job)
{
    (void)job;
    worked |= (u64)1 << cpu_id();
}

static void note_end(struct job *job, enum job_end end)
{
    (void)job;
    nr_ends++;
    ended_by = end;
}

static struct job first = {
    .name = "first", .stopped_by = "'first stop'", .work = note_work, .end = note_end};
static struct job second = {.name = "second",
                            .stopped_by = "Ctrl-C",
                            .poll = poll_some,
                            .work = note_work,
                            .end = note_end,
                            .limit_ms = 5000};

static void set_up(void)
{
    static struct boot_info boot;
    fake_boot(&boot, 16 * MIB);
    fake_cpus_reset(4);
    fake_console_clear();
    nr_polls = nr_ends = nr_left = 0;
    worked = 0;
    (void)command_take_failure();
}

static void tear_down(void)
{
    assert_null(jobs_next(NULL));
    fake_shutdown();
}

static void run(void)
{
    jobs_run(platform_now_ms());
}

TEST_WITH(test_work_in_parts, set_up, tear_down)
{
    nr_left = 3;
    assert_true(job_prepare(&second, 0));
    job_start(&second, true);
    assert_int_equal(nr_polls, 0);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(jobs_due_ms(), 0);
        jobs_run(0);
        assert_int_equal(nr_polls, i);
        assert_true(jobs_in_foreground());
    }
    run();
    assert_int_equal(nr_ends, 1);
    assert_int_equal(ended_by, JOB_COMPLETE);
    assert_false(jobs_in_foreground());
    assert_false(job_runs(&second));
    assert_false(command_take_failure());
}

TEST_WITH(test_ends_when_each_processor_has_left, set_up, tear_down)
{
    nr_left = 1;
    assert_true(job_prepare(&second, 2));
    job_start(&second, true);
    run();
    fake_cpu_work(2);
    run();
    assert_int_equal(nr_ends, 0);
    assert_int_equal(jobs_due_ms(), second.start_ms + second.limit_ms);
    fake_cpu_work(1);
    assert_int_equal(jobs_due_ms(), 0);
    run();
    assert_int_equal(nr_ends, 1);
    assert_int_equal(worked, 0x6);
}

TEST_WITH(test_all_processors_or_none, set_up, tear_down)
{
    fake_cpu_lose(1);
    assert_true(job_prepare(&first, 1));
    job_start(&first, false);
    assert_true(job_has_processor(&first, 2));
    assert_false(job_prepare(&second, 2));
    fake_console_has("error: second: processor 2 runs 'first'; 'first stop' ends it\n");
    assert_false(job_prepare(&second, JOB_ALL_OTHERS));
    assert_false(job_prepare(&second, 3));
    fake_console_has("error: second: 2 other processors run, 3 are needed\n");
    assert_false(job_prepare(&first, 0));
    fake_console_has("error: first: it runs already; 'first stop' ends it\n");
    fake_cpu_work(2);
    assert_false(job_prepare(&second, 1)); /* until the first one's end was seen */
    run();
    assert_true(job_prepare(&second, JOB_ALL_OTHERS));
    assert_int_equal(second.processors, 0xc);
}

TEST_WITH(test_refused_without_a_job_to_blame, set_up, tear_down)
{
    fake_cpu_occupy(3);
    assert_false(job_prepare(&first, JOB_ALL_OTHERS));
    fake_console_has("error: first: processor 3 is busy\n");
    assert_true(command_take_failure());
    fake_cpus_reset(1);
    assert_false(job_prepare(&first, JOB_ALL_OTHERS));
    fake_console_has("error: first: there is no other processor\n");
}

TEST_WITH(test_stop_waits_in_the_foreground, set_up, tear_down)
{
    assert_true(job_prepare(&first, 3));
    job_start(&first, false);
    assert_false(jobs_in_foreground());
    assert_true(job_stop(&first));
    assert_true(jobs_in_foreground());
    assert_true(job_is_ending(&first));
    run();
    assert_int_equal(nr_ends, 0);
    for (unsigned id = 1; id < 4; id++)
        fake_cpu_work(id);
    run();
    assert_int_equal(nr_ends, 1);
    assert_int_equal(ended_by, JOB_STOPPED);
    assert_false(job_stop(&first));
    assert_false(command_take_failure());
}

TEST_WITH(test_interrupt_is_for_the_foreground, set_up, tear_down)
{
    nr_left = 100;
    assert_true(job_prepare(&first, 1));
    job_start(&first, false);
    assert_true(job_prepare(&second, 0));
    job_start(&second, true);
    run();
    jobs_interrupt();
    run();
    assert_int_equal(ended_by, JOB_INTERRUPTED);
    fake_console_has("error: second: stopped by Ctrl-C\n");
    assert_true(command_take_failure());
    assert_false(job_is_ending(&first));
    fake_cpu_work(1);
    run();
}

TEST_WITH(test_limit, set_up, tear_down)
{
    nr_left = ~0u;
    assert_true(job_prepare(&second, 0));
    job_start(&second, true);
    fake_advance_ms(4990);
    run();
    assert_int_equal(nr_ends, 0);
    fake_advance_ms(10);
    run();
    assert_int_equal(ended_by, JOB_OVER_LIMIT);
    fake_console_has("error: second: stopped at its limit of 5 s\n");
}

/* end() frees the job's memory: not before its processor has left, however late that is. */
TEST_WITH(test_a_processor_that_does_not_stop, set_up, tear_down)
{
    assert_true(job_prepare(&first, 2));
    job_start(&first, false);
    assert_true(job_stop(&first));
    fake_cpu_work(1);
    fake_advance_ms(JOB_STOP_MS - 10);
    run();
    assert_true(jobs_in_foreground());
    fake_advance_ms(10);
    run();
    fake_console_has("error: first: processor 2 does not stop; what it uses stays allocated\n");
    assert_int_equal(nr_ends, 0);
    assert_false(jobs_in_foreground());
    assert_false(job_prepare(&second, 1));
    fake_console_clear();
    fake_advance_ms(JOB_STOP_MS);
    run();
    assert_string_equal(fake_console(), "");
    fake_cpu_work(2);
    run();
    assert_int_equal(nr_ends, 1);
    assert_true(job_prepare(&second, 2));
}

/* ---- walks ---- */

static unsigned visits[8];
static unsigned nr_visits;

static int visit(unsigned number, bool is_first)
{
    visits[nr_visits++] = number * 2 + is_first;
    if (number == 3 && is_first)
        return E_AGAIN;
    return number == 2 ? E_BUSY : OK;
}

TEST_WITH(test_walk, set_up, tear_down)
{
    nr_visits = 0;
    walk_job_start("walk", 3, 4, visit);
    while (jobs_next(NULL))
        run();
    assert_int_equal(nr_visits, 3);
    assert_int_equal(visits[0], 9);
    assert_int_equal(visits[1], 7);
    assert_int_equal(visits[2], 6);
    walk_job_start("walk", 0, 2, visit);
    while (jobs_next(NULL))
        run();
    assert_int_equal(nr_visits, 4);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The monitor with commands of the test's own: words to commands, scripts that
 * fail, and what is typed while a job keeps the prompt.
 */
#include "monitor/monitor.h"

#include <stdio.h>

#include "extras/jobs/job.h"
#include "extras/sizes/sizes.h"
#include "include/extra.h"
#include "include/status.h"
#include "kernel/options.h"
#include "monitor/command_error.h"
#include "tests/fakes/fake_cpus.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

static unsigned nr_says;
static bool may_end; /* the job of `work` */

static u64 poll_work(struct job *job, u64 now_ms)
{
    return may_end || job_is_ending(job) ? JOB_DONE : now_ms;
}

static void end_work(struct job *job, enum job_end end)
{
    (void)job;
    (void)end;
}

static struct job work_job = {
    .name = "work", .stopped_by = "Ctrl-C", .poll = poll_work, .end = end_work};

static void command_work(const struct command_line *line)
{
    (void)line;
    if (job_prepare(&work_job, 0))
        job_start(&work_job, true);
}

static void command_say(const struct command_line *line)
{
    (void)line;
    nr_says++;
}

static void command_fail(const struct command_line *line)
{
    command_error("%s: on purpose", line->arguments[0]);
}

static const struct command commands[] = {
    {"say", "[WORD]", "", 0, 1, command_say},
    {"fail", "", "", 0, 0, command_fail},
    {"fail at last", "WORD", "", 1, 1, command_fail},
    {"work", "", "", 0, 0, command_work},
    {"exit", "", "", 0, 0, command_say},
};

const struct command *command_at(unsigned index)
{
    return index < ARRAY_SIZE(commands) ? &commands[index] : NULL;
}

static void start(const char *script)
{
    static struct options options;
    snprintf(options.run, sizeof(options.run), "%s", script);
    EXTRAS_CALL(ready, &options);
}

/* Until nothing is to do; a job that may not end does not hold it up. */
static void turn(void)
{
    for (unsigned i = 0; i < 50; i++) {
        EXTRAS_CALL(poll);
    }
}

static void set_up(void)
{
    static struct boot_info boot;
    fake_boot(&boot, 16 * MIB);
    fake_cpus_reset(1);
    fake_console_clear();
    nr_says = 0;
    may_end = false;
}

static void tear_down(void)
{
    fake_shutdown();
}

TEST_WITH(test_names_and_counts, set_up, tear_down)
{
    static const struct {
        const char *line;
        const char *answer;
    } cases[] = {
        {"say\r", "tide> say\ntide> "},
        {"say 1 2\r", "error: say: '2' is too much: expected 'say [WORD]'\n"},
        {"fail\r", "error: fail: on purpose\n"},
        {"fail  at   last x\r", "error: fail at last: on purpose\n"},
        {"fail at last\r", "error: fail at last: expected 'fail at last WORD'\n"},
        {"fail at\r", "error: fail: 'at': expected at\n"},
        {"failat\r", "error: unknown command 'failat'"},
        {"sa\r", "error: unknown command 'sa'"},
        {"1 2 3 4 5 6 7 8 9 10 11 12 13\r", "error: more than 12 words\n"},
    };
    start("");
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_type(cases[i].line);
        turn();
        fake_console_has(cases[i].answer);
        assert_int_equal(monitor_due_ms(), UINT64_MAX);
        fake_console_clear();
        fake_type("\f");
        turn();
    }
}

TEST_WITH(test_sizes, set_up, tear_down)
{
    u64 value;
    struct command_line line = {4, {"say", "2M", "99999999999999999999", "0"}};
    assert_true(monitor_parse_size(&line, 1, 1, &value));
    assert_int_equal(value, 2 * MIB);
    assert_false(monitor_parse_size(&line, 2, 1, &value));
    fake_console_has("error: say: '99999999999999999999': expected a size below 2^64 bytes\n");
    assert_false(monitor_parse_size(&line, 3, 1, &value));
    assert_false(monitor_parse_size(&line, 3, 4096, &value));
    fake_console_has("expected a size of 4096 bytes or more\n");
    assert_false(job_parse_limit(&line, 3, &value));
    assert_true(job_parse_limit(&line, 4, &value));
    assert_int_equal(value, JOB_LIMIT_MS);
    (void)command_take_failure();
}

TEST_WITH(test_typed_ahead_waits_for_the_job, set_up, tear_down)
{
    start("");
    fake_type("work\rsay\rsay\r");
    turn();
    assert_int_equal(nr_says, 0);
    assert_int_equal(monitor_due_ms(), UINT64_MAX);
    may_end = true;
    turn();
    assert_int_equal(nr_says, 2);
}

TEST_WITH(test_ctrl_c_drops_what_was_typed_before, set_up, tear_down)
{
    start("");
    fake_type("work\rsay\r\x03say\r");
    turn();
    fake_console_has("^C\nerror: work: stopped by Ctrl-C\n");
    assert_int_equal(nr_says, 1);
}

TEST_WITH(test_ctrl_c_behind_much_that_was_typed, set_up, tear_down)
{
    start("");
    fake_type("work\r");
    for (unsigned i = 0; i < 500; i++)
        fake_type("say\r");
    fake_type("\x03say\r");
    turn();
    fake_console_has("^C\nerror: work: stopped by Ctrl-C\n");
    assert_int_equal(nr_says, 1);
}

/* It has an answer like any other line, or who has typed it waits for ever. */
TEST_WITH(test_a_line_that_is_too_long_with_a_tag, set_up, tear_down)
{
    start("");
    fake_type("@7 say ");
    for (unsigned i = 0; i < 100; i++)
        fake_type("much");
    fake_type("\r");
    turn();
    fake_console_has("\n@7 error: a line of 407 characters, expected at most 255: not run\n@7.\n");
    assert_int_equal(nr_says, 0);
}

TEST_WITH(test_script_waits_and_stops_at_its_error, set_up, tear_down)
{
    start("say; work ;say;fail; say");
    turn();
    assert_int_equal(nr_says, 1);
    may_end = true;
    turn();
    assert_int_equal(nr_says, 2);
    fake_console_has(
        "tide> fail\nerror: fail: on purpose\nrun: a command failed: the rest is not run\n");
    fake_type("fail\rsay\r"); /* what is typed stops nothing */
    turn();
    assert_int_equal(nr_says, 3);
}

TEST_WITH(test_script_that_was_to_exit, set_up, tear_down)
{
    static const char *const scripts[] = {"say; fail; say;  exit 1", "say; fail; @7 exit"};
    for (unsigned i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        start(scripts[i]);
        if (setjmp(*fake_expect_exit()) == 0) {
            turn();
            fake_no_exit_came("a failed command before exit");
        } else {
            fake_exit_was(EXIT_COMMAND_FAILED, "the rest is not run, and Tide ends\n");
        }
        assert_int_equal(nr_says, i + 1);
    }
}

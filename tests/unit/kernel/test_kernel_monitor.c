/* SPDX-License-Identifier: BSD-2-Clause */
/* The monitor: lines to words to commands, what it refuses, and the script of run=. */
#include "monitor/monitor.h"

#include "tests/fakes/fake_kernel.h"
#include "tests/unit/unit.h"

static void expect_in_order(const char *const *texts, unsigned nr_texts)
{
    const char *at = fake_console();
    for (unsigned i = 0; i < nr_texts; i++) {
        const char *found = strstr(at, texts[i]);
        if (!found)
            fail_msg("'%s' does not come next in: %s", texts[i], at);
        at = found + strlen(texts[i]);
    }
}

/* ---- lines ---- */

TEST_WITH(test_lines, NULL, kernel_tear_down)
{
    static const struct kernel_line lines[] = {
        {"colour", "error: unknown command 'colour'; 'help' lists them\n"},
        {"  colour blue", "error: unknown command 'colour'"},
        {"colour\tblue", "error: unknown command 'colourblue'"}, /* tabs are not typed */
        {"stats 1 2 3 4 5 6 7 8 9 10 11 12", "error: more than 12 words\n"},
        {"stats check", "stats: check: ok\n"},
        {"  stats  check ", "stats: check: ok\n"},
        {"STATS", "error: unknown command 'STATS'"},
    };
    kernel_boot_simply();
    kernel_expect_each(lines, ARRAY_SIZE(lines));
    assert_string_equal(kernel_type(""), "\ntide> ");
    assert_string_equal(kernel_type("   "), "   \ntide> ");
}

TEST_WITH(test_help_names_each_command, NULL, kernel_tear_down)
{
    kernel_boot_simply();
    kernel_type("help");
    const struct command *command;
    for (unsigned i = 0; (command = command_at(i)) != NULL; i++) {
        if (!strstr(fake_console(), command->name) || !strstr(fake_console(), command->help))
            fail_msg("'%s' is not in: %s", command->name, fake_console());
    }
}

/* A driver's message comes on a line of its own; the half-typed line is shown again. */
TEST_WITH(test_a_line_of_the_kernel_while_one_is_typed, NULL, kernel_tear_down)
{
    static const char *const texts[] = {"tide> sta", "\nvmem0: settled requested=4194304",
                                        "\ntide> sta", "ts check\n", "stats: check: ok\n"};
    struct fake_vmem *vmem = kernel_boot_simply();
    kernel_type("");
    fake_type("sta");
    kernel_run(50);
    kernel_resize(vmem, 4 * MIB);
    fake_type("ts check\r");
    kernel_run(50);
    expect_in_order(texts, ARRAY_SIZE(texts));
}

TEST_WITH(test_two_lines_at_once_run_in_order, NULL, kernel_tear_down)
{
    static const char *const texts[] = {"unknown command 'one'", "unknown command 'two'",
                                        "unknown command 'three'"};
    kernel_boot_simply();
    fake_type("one\rtwo\nthree\r\n");
    kernel_run(50);
    expect_in_order(texts, ARRAY_SIZE(texts));
}

TEST_WITH(test_the_line_before_comes_back, NULL, kernel_tear_down)
{
    kernel_boot_simply();
    kernel_type("stats check");
    kernel_expect("\x1b[A", "stats check\nstats: check: ok\n");
}

/* ---- the script ---- */

TEST_WITH(test_script, NULL, kernel_tear_down)
{
    static const char *const texts[] = {"tide: ready\ntide> stats\tcheck\nstats: check: ok\n",
                                        "tide> alloc 4K\nalloc: 0: 4K in 1 run",
                                        "tide> colour\nerror: unknown command 'colour'",
                                        "run: a command failed: the rest is not run\n"};
    kernel_prepare(KERNEL_BOOT_BYTES);
    kernel_add_vmem(4);
    kernel_boot("run=\"; stats\tcheck;; alloc 4K;colour;alloc 8K\"");
    expect_in_order(texts, ARRAY_SIZE(texts));
    kernel_expect("free", "free: 0: 4K");
}

TEST_WITH(test_wait_holds_the_script_until_devices_have_settled, NULL, kernel_tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    struct fake_vmem *vmem = kernel_add_vmem(4);
    vmem->moods.busy = 3;
    fake_vmem_set_requested(vmem, 4 * MIB);
    kernel_boot("run=\"wait; alloc 2M; free\"");
    kernel_run(60000);
    const char *settled = strstr(fake_console(), "vmem0: settled");
    assert_non_null(settled);
    assert_non_null(strstr(settled, "alloc: 0: 2M in 1 run"));
    assert_null(strstr(fake_console(), "error: alloc"));
}

TEST_WITH(test_a_command_of_the_script_that_is_too_long, NULL, kernel_tear_down)
{
    char cmdline[512];
    kernel_prepare(KERNEL_BOOT_BYTES);
    strcpy(cmdline, "run=\"stats                              ");
    memset(cmdline + strlen(cmdline), ' ', 300);
    strcpy(cmdline + 330, "check; cpus\"");
    kernel_boot(cmdline);
    assert_non_null(strstr(fake_console(), ", expected at most 255: not run\n"));
    assert_null(strstr(fake_console(), "cpus: running"));
}

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

/* One letter is wrong, missing or too many, or two have changed places; in words of five letters
 * and more, two of these. */
TEST_WITH(test_did_you_mean, NULL, kernel_tear_down)
{
    static const struct kernel_line lines[] = {
        {"stauts", "error: unknown command 'stauts'; did you mean 'status'?\n"},
        {"exti", "error: unknown command 'exti'; did you mean 'exit'?\n"},
        {"hlp me", "error: unknown command 'hlp'; did you mean 'help'?\n"},
        {"xstat", "error: unknown command 'xstat'; did you mean 'stats'?\n"},
        {"devicces", "error: unknown command 'devicces'; did you mean 'devices'?\n"},
        {"chrun", "error: unknown command 'chrun'; 'help' lists them\n"},
        {"m", "error: unknown command 'm'; 'help' lists them\n"},
        {"abcdefghijklmnopqrstuvwxyz", "'abcdefghijklmnopqrstuvwxyz'; 'help' lists them\n"},
        {"vm tuch", "error: vm: 'tuch': expected"},
        {"cpus 1", "error: cpus: '1' is too much: expected 'cpus'\n"},
    };
    kernel_boot_simply();
    kernel_expect_each(lines, ARRAY_SIZE(lines));
}

TEST_WITH(test_help_of_one, NULL, kernel_tear_down)
{
    static const struct kernel_line lines[] = {
        {"help map", "help map\n  map [DEVICE] [CELLS] "},
        {"help stats", "help stats\n  stats                               frames used"},
        {"help vm touch", "help vm touch\n  vm touch [SECONDS] "},
        {"help ma", "error: help: 'ma': expected a command: 'help' alone lists them\n"},
        {"help vm x", "error: help: 'vm': expected a command"},
        {"help a b c d", "error: help: 'd' is too much: expected 'help [COMMAND]'\n"},
    };
    kernel_boot_simply();
    kernel_expect_each(lines, ARRAY_SIZE(lines));
    assert_null(strstr(kernel_type("help stats"), "devices"));
    assert_non_null(strstr(kernel_type("help vm"), "\n  vm alloc SIZE "));
}

/* Ctrl-C ends the line, so that each row begins anew. */
TEST_WITH(test_tab_completes, NULL, kernel_tear_down)
{
    static const struct {
        const char *keys;
        const char *shown;
    } rows[] = {
        {"sta\t", "tide> stat"},
        {"devi\t", "tide> devices "},
        {"  devi\tx", "tide>   devices x"},
        {"vm tou\t", "tide> vm touch"},
        {"help devi\t", "tide> help devices "},
        {"map vm\t", "tide> map vmem0 "},
        {"map 64 \t", "tide> map 64 vmem0 "},
        {"nothing\t", "tide> nothing"},
        {"stats \t", "tide> stats check "},
        {"map\t", "tide> map "},
        {"dices x\x01\x1b[C\t", "tide> dices x"},
        {"deces x\x01\x1b[C\x1b[C\x1b[C\t", "tide> deces x"},
        {"stat\t", "stat\n  status  stats  stats check\ntide> stat"},
    };
    kernel_boot_simply();
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        kernel_type("");
        fake_type(rows[i].keys);
        kernel_run(50);
        if (!strstr(fake_console(), rows[i].shown))
            fail_msg("'%s' is not in: %s", rows[i].shown, fake_console());
        fake_type("\x03");
        kernel_run(50);
    }
}

TEST_WITH(test_tab_within_a_line, NULL, kernel_tear_down)
{
    kernel_boot_simply();
    kernel_expect("x\x01"
                  "devi\t",
                  "error: devices: 'x' is too much");
}

TEST_WITH(test_the_screen_is_cleared, NULL, kernel_tear_down)
{
    kernel_boot_simply();
    kernel_type("");
    fake_type("sta\f");
    kernel_run(50);
    fake_console_has("tide> sta\n\x1b[H\x1b[2Jtide> sta");
}

TEST_WITH(test_tab_where_there_is_no_room, NULL, kernel_tear_down)
{
    kernel_boot_simply();
    kernel_type("");
    for (unsigned i = 0; i < 250; i++)
        fake_type(" ");
    fake_type("devi\t\r"); /* 254 characters */
    kernel_run(50);
    assert_non_null(strstr(fake_console(), "error: unknown command 'devi'"));
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

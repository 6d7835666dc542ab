/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the monitor starts on other processors: bench, its churn, and areas that are
 * touched; started, refused, stopped, at their limits, and on a processor that does not
 * stop. Two tests let one processor work beside the kernel's loop, as a thread.
 */
#include <pthread.h>
#include <sched.h>

#include "arch/x86_64/arch.h"
#include "extras/power/power.h"
#include "extras/vm/vm_areas.h"
#include "kernel/kmain.h"
#include "mm/page.h"
#include "tests/fakes/fake_kernel.h"
#include "tests/fakes/fake_mm.h"
#include "tests/unit/unit.h"

static struct fake_vmem *vmem;
static struct page_stats at_first;

static void set_up(void)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    fake_cpus_reset(3);
    vmem = kernel_add_vmem(4);
    kernel_boot("");
    kernel_resize(vmem, 16 * MIB);
    page_get_stats(&at_first);
}

static void tear_down(void)
{
    kernel_type("vm free all");
    kernel_expect("jobs", "jobs: none\n");
    kernel_stop_empty(vmem);
}

/* ---- bench ---- */

TEST_WITH(test_patterns, set_up, tear_down)
{
    static const struct kernel_line lines[] = {
        {"bench hot 0 1000", "bench: hot order=0 cpus=1 pairs=1000 failed=0 wrong=0 moved=0\n"},
        {"bench hot 3 1000 3", "bench: hot order=3 cpus=3 pairs=3000 failed=0"},
        {"bench bulk 0 5000", "bench: bulk order=0 cpus=1 pairs="},
        {"bench random 0 3000 2", "bench: random order=0 cpus=2 pairs="},
        {"bench hot 9 10", "bench: hot order=9 cpus=1 pairs="},
        {"bench bulk 9 100", "bench: bulk order=9 cpus=1 pairs="},
        {"bench hot 0 0", "bench: hot order=0 cpus=1 pairs=0 failed=0"},
        {"bench", "error: bench: '': expected hot, bulk, random, churn"},
        {"bench cold", "error: bench: 'cold': expected hot, bulk, random, churn"},
        {"bench hot 1", "error: bench hot: expected 'bench hot ORDER COUNT [CPUS]'\n"},
        {"bench hot 10 1", "error: bench hot: '10': expected an order from 0 to 9\n"},
        {"bench bulk x 1", "error: bench bulk: 'x': expected an order from 0 to 9\n"},
        {"bench random 0 x", "error: bench random: 'x': expected a number of pairs"},
        {"bench hot 0 1 0", "error: bench hot: '0': expected a number of processors that run\n"},
        {"bench hot 0 1 4", "error: bench hot: '4': expected a number of processors that run\n"},
    };
    kernel_expect_each(lines, ARRAY_SIZE(lines));
}

TEST_WITH(test_ctrl_c_ends_a_bench, set_up, tear_down)
{
    fake_console_clear();
    fake_type("bench hot 0 1000000000000\r");
    for (unsigned i = 0; i < 10; i++)
        kernel_take_turn();
    fake_type("\x03");
    kernel_expect("", "error: bench: stopped by Ctrl-C\n");
    fake_console_has("bench: hot order=0 cpus=1 pairs=");
    kernel_expect("bench hot 0 10 2", "bench: hot order=0 cpus=2 pairs=20 ");
}

TEST_WITH(test_no_memory_for_the_lists, set_up, tear_down)
{
    fake_take_all_pages();
    kernel_expect("bench bulk 0 10", "error: bench: no memory for its lists\n");
    kernel_expect("bench churn", "error: bench churn: no memory for its lists\n");
    fake_give_all_pages();
}

/* The first list's memory is freed when there is none for the second. */
TEST_WITH(test_memory_for_one_list_alone, set_up, tear_down)
{
    static const struct {
        unsigned list_order;
        struct kernel_line line;
    } cases[] = {
        {4, {"bench hot 0 10 3", "error: bench: no memory for its lists\n"}},
        {0, {"bench churn", "error: bench churn: no memory for its lists\n"}},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        paddr_t room = page_alloc(cases[i].list_order, PAGE_USER);
        fake_take_all_pages();
        page_free(room, cases[i].list_order);
        kernel_expect_each(&cases[i].line, 1);
        assert_int_equal(page_alloc(cases[i].list_order, PAGE_USER), room);
        page_free(room, cases[i].list_order);
        fake_give_all_pages();
    }
}

/* ---- in the background ---- */

TEST_WITH(test_who_has_the_processors, set_up, tear_down)
{
    static const struct kernel_line lines[] = {
        {"bench churn stop", "error: bench churn stop: no churn runs\n"},
        {"vm touch stop", "error: vm touch stop: no processor touches areas\n"},
        {"jobs", "jobs: none\n"},
        {"vm touch", "vm: touch: 2 processors\n"},
        {"jobs", "jobs: 'vm touch' state=running others=2 seconds=0 limit=600, "},
        {"cpus", "cpus: 1 busy\ncpus: 2 busy\n"},
        {"vm touch", "error: vm touch: it runs already; 'vm touch stop' ends it\n"},
        {"bench churn", "error: bench churn: processor 1 runs 'vm touch'; 'vm touch stop' ends it"},
        {"bench hot 0 10 2", "error: bench: processor 1 runs 'vm touch'"},
        {"bench hot 0 10 1", "bench: hot order=0 cpus=1 pairs=10 "},
        {"stats check", "error: stats: check: processors are at work\n"},
        {"vm alloc 4K", "error: vm alloc: processors touch areas: 'vm touch stop' first\n"},
        {"vm touch stop", "vm: touched cpus=2 rounds="},
        {"bench churn colour", "error: bench churn: 'colour': expected "},
        {"bench churn 0", "expected a limit from 1 to 1000000 seconds\n"},
        {"bench churn", "bench: churns order=0 cpus=3 pairs=0 "},
        {"vm touch", "error: vm touch: processor 1 runs 'bench churn'; 'bench churn stop' ends it"},
        {"vm alloc 4K", "vm: 0: 4K at "}, /* no processor touches areas */
        {"bench churn stop", "bench: churned order=0 cpus=3 pairs=0 "},
        {"bench churn movable 7", "bench: churns order=0"},
        {"bench churn stop", "bench: churned order=0"},
        {"stats check", "stats: check: ok\n"},
    };
    kernel_expect_each(lines, ARRAY_SIZE(lines));
}

TEST_WITH(test_limits_in_time, set_up, tear_down)
{
    kernel_type("bench churn 3");
    kernel_run(2900);
    assert_null(strstr(fake_console(), "limit"));
    kernel_run(200);
    fake_console_has("bench churn: stopped at its limit of 3 s\n");
    fake_console_has("bench: churned order=0 cpus=3 pairs=0 ");
    kernel_type("vm touch 1");
    kernel_run(1100);
    fake_console_has("vm touch: stopped at its limit of 1 s\n");
    vmem->moods.silent = 1;
    fake_vmem_set_requested(vmem, 32 * MIB);
    kernel_expect("wait 1", "error: wait: stopped at its limit of 1 s\n");
    vmem->moods.silent = 0;
    kernel_expect("wait", "vmem0: settled requested=33554432");
}

/* 16 MiB are 8 pageblocks; what is not held leaves, and comes back. */
TEST_WITH(test_a_checkerboard, set_up, tear_down)
{
    kernel_type("bench checkerboard");
    kernel_run(100);
    fake_console_has("bench: checkerboard holds pageblocks=4\n");
    kernel_expect("bench checkerboard", "error: bench checkerboard: it runs already; "
                                        "'bench checkerboard stop' ends it\n");
    kernel_resize(vmem, 8 * MIB);
    assert_int_equal(vmem->plugged_bytes, 8 * MIB);
    kernel_resize(vmem, 0);
    assert_int_equal(vmem->plugged_bytes, 8 * MIB);
    kernel_expect("bench checkerboard stop", "bench: checkerboard ended pageblocks=0\n");
    kernel_run(2000);
    assert_int_equal(vmem->plugged_bytes, 0);
    kernel_expect("bench checkerboard stop",
                  "error: bench checkerboard stop: no checkerboard is held\n");
    kernel_resize(vmem, 16 * MIB);
    kernel_type("bench checkerboard 3");
    kernel_run(3100);
    fake_console_has("bench checkerboard: stopped at its limit of 3 s\n");
    fake_console_has("bench: checkerboard ended pageblocks=0\n");
}

/* The result counts the processors that worked, not those that run at its end. */
TEST_WITH(test_processors_that_came_later, set_up, tear_down)
{
    static const struct kernel_line lines[] = {
        {"vm touch", "vm: touch: 1 processors\n"},
        {"vm touch stop", "vm: touched cpus=1 "},
        {"bench churn", "bench: churns order=0 cpus=2 "},
        {"bench churn stop", "bench: churned order=0 cpus=2 "},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i += 2) {
        fake_cpu_lose(2);
        kernel_expect(lines[i].line, lines[i].said);
        fake_cpu_start(2);
        kernel_expect(lines[i + 1].line, lines[i + 1].said);
    }
}

/* Resizes, commands and the power button go on; what it may still use is not freed before it ends.
 */
TEST_WITH(test_a_processor_that_does_not_stop, set_up, tear_down)
{
    struct page_stats during;
    kernel_type("bench churn");
    kernel_processors_hang = true;
    kernel_expect("bench churn stop", "error: bench churn: processor 1 does not stop; what it uses "
                                      "stays allocated\n");
    kernel_expect("jobs", "jobs: 'bench churn' state=stuck others=2 ");
    kernel_resize(vmem, 32 * MIB);
    assert_int_equal(vmem->plugged_bytes, 32 * MIB);
    page_get_stats(&during);
    assert_true(during.boot_used > at_first.boot_used);
    fake_acpi_raise(ACPI_EVENT_POWER_BUTTON);
    kernel_expect_exit("", EXIT_OK);
    kernel_processors_hang = false;
    kernel_run(100);
    fake_console_has("bench: churned order=0 ");
}

/* ---- one processor beside the loop ---- */

static pthread_t thread;

static void *work(void *id)
{
    fake_cpu_work((unsigned)(uintptr_t)id);
    return NULL;
}

static void begin_beside(const char *line)
{
    kernel_type(line);
    kernel_processors_hang = true;
    assert_int_equal(pthread_create(&thread, NULL, work, (void *)(uintptr_t)1), 0);
}

static void end_beside(const char *line)
{
    fake_console_clear();
    fake_type(line);
    fake_type("\r");
    while (!fake_all_read())
        kernel_turn();
    pthread_join(thread, NULL);
    kernel_processors_hang = false;
    kernel_run(100);
}

TEST_WITH(test_a_churn_beside_the_loop, set_up, tear_down)
{
    static const char *const lines[] = {"bench churn", "bench churn movable"};
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
        struct page_stats stats;
        begin_beside(lines[i]);
        do {
            sched_yield();
            page_get_stats(&stats);
        } while (stats.boot_used + stats.plugged_used < at_first.boot_used + 200);
        kernel_resize(vmem, 8 * MIB);
        kernel_resize(vmem, 16 * MIB);
        end_beside("bench churn stop");
        fake_console_has("bench: churned order=0 cpus=3 pairs=");
        fake_console_has(" wrong=0 ");
    }
}

TEST_WITH(test_areas_touched_beside_the_loop, set_up, tear_down)
{
    bool filled;
    kernel_type("vm alloc 256K");
    kernel_type("vm fill");
    const volatile u64 *words = vm_areas_base(0, &filled);
    begin_beside("vm touch");
    while (__atomic_load_n(&words[1], __ATOMIC_RELAXED) < 3)
        sched_yield();
    end_beside("vm touch stop");
    fake_console_has("vm: touched cpus=2 rounds=");
    fake_console_has(" wrong=0\n");
    kernel_expect("vm check", "vm: check: ok: 0: 256K");
}

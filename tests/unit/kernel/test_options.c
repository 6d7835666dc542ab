/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line's options: what is accepted, what is refused and how it is said. */
#include <stdio.h>

#include "include/extra.h"
#include "include/status.h"
#include "kernel/options.h"
#include "lib/log.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

static struct options options;

static bool is_shown;

static int parse_console(const char *value, struct options *into)
{
    assert_ptr_equal(into, &options);
    is_shown = strcmp(value, "vga") == 0;
    return is_shown || strcmp(value, "serial") == 0 ? OK : E_INVAL;
}

static const struct option_rule console_rule = {"console", parse_console, "serial or vga", false};

EXTRA(test) = {.option = &console_rule};

static void parse(const char *cmdline)
{
    fake_console_clear();
    options_parse(cmdline, false, &options);
}

TEST(test_defaults)
{
    parse("");
    assert_int_equal(options.nr_slots, 0);
    assert_int_equal(options.irq_mode, VMEM_IRQ_AUTO);
    assert_string_equal(options.run, "");
    assert_string_equal(fake_console(), "");
}

TEST(test_accepted)
{
    parse("virtio_mem.slot=4 virtio_mem.slot=1:1f.7 virtio_mem.slot=0000:00:04.0 "
          "virtio_mem.irq=poll virtio_mem.init=state run=\"alloc 1M; exit 3\"");
    assert_string_equal(fake_console(), "");
    assert_int_equal(options.nr_slots, 2);
    assert_int_equal(options.slots[0].device, 4);
    assert_int_equal(options.slots[1].bus, 1);
    assert_int_equal(options.slots[1].device, 0x1f);
    assert_int_equal(options.slots[1].function, 7);
    assert_int_equal(options.irq_mode, VMEM_IRQ_POLL);
    assert_int_equal(options.init, VMEM_INIT_STATE);
    assert_string_equal(options.run, "alloc 1M; exit 3");
}

TEST(test_refused)
{
    static const struct {
        const char *cmdline;
        const char *said;
    } cases[] = {
        {"colour=blue", "cmdline: warning: unknown option 'colour'\n"},
        {"virtio_mem.slot=32", "cmdline: error: virtio_mem.slot=32: expected [[domain:]bus:]"},
        {"virtio_mem.slot", "cmdline: error: virtio_mem.slot=: expected"},
        {"virtio_mem.irq=msi", "virtio_mem.irq=msi: expected auto, msix, intx or poll"},
        {"virtio_mem.init=keep", "virtio_mem.init=keep: expected unplug or state"},
        {"virtio.features=packed", "virtio.features=packed: expected features not to accept"},
        {"virtio.features=-packet", "virtio.features=-packet: expected"},
        {"virtio_mmio.device=4K@5", "virtio_mmio.device=4K@5: expected SIZE@BASE:LINE"},
        {"virtio_mmio.device=1@0xd0000000:5", "expected SIZE@BASE:LINE"},
        {"console=vgax", "console=vgax: expected serial or vga"},
        {"log=noisy", "log=noisy: expected error, warning, info, debug or trace"},
        {"log=disk:info", "log=disk:info: expected"},
        {"log=mm:debug,", "log=mm:debug,: expected"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        parse(cases[i].cmdline);
        if (!strstr(fake_console(), cases[i].said))
            fail_msg("'%s' printed: %s", cases[i].cmdline, fake_console());
        assert_int_equal(options.nr_slots, 0);
        assert_int_equal(options.irq_mode, VMEM_IRQ_AUTO);
        assert_int_equal(options.features_masked, 0);
        assert_int_equal(options.nr_mmio, 0);
    }
}

TEST(test_virtio_options)
{
    parse("virtio_mmio.device=512@0xfeb00e00:12 virtio.features=-packed,-EVENT_IDX "
          "virtio_mmio.device=4K@0xd0000000:5 virtio.features=-1");
    assert_string_equal(fake_console(), "");
    assert_int_equal(options.features_masked, (u64)1 << 34 | 1 << 29 | 1 << 1);
    assert_int_equal(options.nr_mmio, 2);
    assert_int_equal(options.mmio[0].base, 0xfeb00e00);
    assert_int_equal(options.mmio[0].irq_line, 12);
    assert_int_equal(options.mmio[1].bytes, 4096);
}

TEST(test_a_feature_is_named_as_the_device_prints_it)
{
    parse("virtio.features=-persistent_suspend,-ACPI_PXM,-unplugged_inaccessible");
    assert_string_equal(fake_console(), "");
    assert_int_equal(options.features_masked, 7);
}

TEST(test_a_repeated_option_is_named)
{
    parse("run=first console=vga run=second virtio_mem.irq=poll console=serial virtio_mem.irq=intx "
          "virtio_mem.init=state virtio_mem.init=unplug");
    assert_string_equal(
        fake_console(),
        "cmdline: warning: run= stands there again: the last one counts\n"
        "cmdline: warning: console= stands there again: the last one counts\n"
        "cmdline: warning: virtio_mem.irq= stands there again: the last one counts\n"
        "cmdline: warning: virtio_mem.init= stands there again: the last one counts\n");
    assert_string_equal(options.run, "second");
    assert_false(is_shown);
}

/* `alloc 10` may have been `alloc 1000`. */
TEST(test_an_option_that_was_cut_is_refused)
{
    fake_console_clear();
    options_parse("virtio_mem.init=state run=\"alloc 10", true, &options);
    assert_string_equal(fake_console(),
                        "cmdline: error: run: the end of the command line was cut off, ignored\n");
    assert_string_equal(options.run, "");
    assert_int_equal(options.init, VMEM_INIT_STATE);
    options_parse("virtio_mem.init=state ", true, &options);
    assert_int_equal(options.init, VMEM_INIT_STATE);
}

TEST(test_too_many_slots)
{
    char cmdline[1024] = "";
    for (unsigned i = 0; i <= OPTIONS_SLOTS_MAX; i++)
        snprintf(cmdline + strlen(cmdline), sizeof(cmdline) - strlen(cmdline),
                 "virtio_mem.slot=%x ", i);
    parse(cmdline);
    assert_int_equal(options.nr_slots, OPTIONS_SLOTS_MAX);
    assert_non_null(strstr(fake_console(), "virtio_mem.slot=10: expected"));
}

TEST(test_log_takes_effect)
{
    parse("log=error log=vmem:debug");
    assert_int_equal(log_levels[LOG_PCI], LOG_LEVEL_ERROR);
    assert_int_equal(log_levels[LOG_VMEM], LOG_LEVEL_DEBUG);
    parse("log=kernel:trace,mm:error,pci:debug");
    assert_string_equal(fake_console(), "");
    assert_int_equal(log_levels[LOG_KERNEL], LOG_LEVEL_TRACE);
    assert_int_equal(log_levels[LOG_MM], LOG_LEVEL_ERROR);
    assert_int_equal(log_levels[LOG_PCI], LOG_LEVEL_DEBUG);
    parse("log=kernel:error,mm:loud");
    assert_int_equal(log_levels[LOG_KERNEL], LOG_LEVEL_TRACE);
    parse("log=info");
    assert_int_equal(log_levels[LOG_VMEM], LOG_LEVEL_INFO);
}

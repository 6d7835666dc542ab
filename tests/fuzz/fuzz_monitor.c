/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: the whole kernel, with a user who types and a host that changes
 * its mind. The input is a sequence of lines made of the monitor's own words, of
 * bytes typed as they are, of requested sizes, moods and faults of two memory devices, of
 * cards that come and go, and of time. Nothing of that may panic, find a page with the wrong
 * contents or hang; when the user has given back all and the host requests nothing, the
 * devices are at 0 and boot RAM is as it was.
 */
#include <setjmp.h>

#include "arch/x86_64/arch.h"
#include "drivers/pci/pci_spec.h"
#include "extras/jobs/job.h"
#include "extras/pci_hotplug/slot_spec.h"
#include "include/status.h"
#include "kernel/devices.h"
#include "lib/log.h"
#include "mm/page.h"
#include "monitor/monitor.h"
#include "tests/fakes/fake_kernel.h"
#include "tests/fuzz/fuzz.h"

#define BOOT_BYTES     (2 * MIB)
#define ACTIONS_MAX    32
#define TURNS_MAX      20000
#define CLEANUP_MS     120000
#define TIME_MAX_MS    2000
#define PATIENCE_TURNS 50  /* then the user types ^C */
#define SWAP_MS        200 /* no hand puts another card in faster; polls are spaced */
#define WORDS_A_LINE   4
#define RING_FRAMES    3 /* of a device that did not reset: they stay allocated */

static const char *const words[] = {
    "0",
    "1",
    "2",
    "3",
    "7",
    "64",
    "255",
    "4096",
    "4097",
    "x",
    "4K",
    "12K",
    "64K",
    "1M",
    "2M",
    "3M",
    "1G",
    "0x10",
    "all",
    "vmem0",
    "vmem1",
    "vmem2",
    "check",
    "node=0",
    "node=1",
    "alloc",
    "fill",
    "free",
    "list",
    "touch",
    "stop",
    "steady",
    "ramp",
    "sawtooth",
    "bursts",
    "random",
    "verify",
    "movable",
    "status",
    "churn",
    "hot",
    "bulk",
    "size=1M",
    "size=4M",
    "chunk=4K",
    "chunk=64K",
    "movable=50",
    "movable=100",
    "refuse=50",
    "ticks=2",
    "ticks=9",
    "tick=0",
    "occupancy=9",
    "low=512K",
    "period=2",
    "life=2",
    "function=1M",
    "seed=5",
    "99999999999999999999",
    "checkerboard",
    "watch",
    "map",
    "help",
    "v\t",
    "stauts",
};

static struct fuzz_input input;
static struct fake_vmem *vmems[KERNEL_DEVICES_MAX];
static unsigned nr_vmems;
static struct fake_pci_slot *slot;
static unsigned nr_pulled;

/* ---- the board ---- */

static void start(void)
{
    kernel_prepare(BOOT_BYTES);
    nr_vmems = nr_pulled = 0;
    fake_cpus_reset(3);
    kernel_choose_region(2 * MIB, 4);
    vmems[nr_vmems++] = kernel_add_vmem(4);
    kernel_choose_region(512 * KIB, 6);
    slot = kernel_add_slot(3);
    kernel_boot("log=error");
}

static void turn_for(u64 ms)
{
    u64 end_ms = platform_now_ms() + ms;
    for (unsigned turns = 0; platform_now_ms() < end_ms; turns++) {
        FUZZ_CHECK(turns < TURNS_MAX);
        kernel_take_turn();
    }
}

static void type(const char *line)
{
    fake_type(line);
    fake_type("\r");
    for (unsigned turns = 0; !fake_all_read() || monitor_due_ms() == 0 || jobs_in_foreground();
         turns++) {
        FUZZ_CHECK(turns < TURNS_MAX);
        if (turns % PATIENCE_TURNS == PATIENCE_TURNS - 1)
            fake_type("\x03");
        kernel_take_turn();
    }
    fake_console_clear();
}

/* ---- the user ---- */

static bool is_allowed(const char *name)
{
    return strcmp(name, "crash") != 0;
}

static const struct command *any_command(void)
{
    unsigned nr_commands = 0;
    while (command_at(nr_commands))
        nr_commands++;
    return command_at((unsigned)fuzz_take(&input, 1) % nr_commands);
}

static void type_words(void)
{
    char line[128];
    const struct command *command = any_command();
    unsigned nr_words = (unsigned)fuzz_take(&input, 1) % (WORDS_A_LINE + 1);
    if (!is_allowed(command->name))
        return;
    size_t length = (size_t)snprintf(line, sizeof(line), "%s", command->name);
    for (unsigned i = 0; i < nr_words; i++) {
        const char *word = words[fuzz_take(&input, 1) % ARRAY_SIZE(words)];
        length += (size_t)snprintf(line + length, sizeof(line) - length, " %s", word);
    }
    type(line);
}

static void type_bytes(void)
{
    char bytes[17];
    size_t length = fuzz_take(&input, 1) % sizeof(bytes);
    for (size_t i = 0; i < length; i++) {
        char byte = (char)fuzz_take(&input, 1);
        bytes[i] = byte == 0 ? '\r' : byte;
    }
    bytes[length] = 0;
    if (!strstr(bytes, "crash"))
        type(bytes);
}

/* ---- the host ---- */

static struct fake_vmem *take_vmem(void)
{
    return vmems[fuzz_take(&input, 1) % nr_vmems];
}

static void request_size(void)
{
    struct fake_vmem *vmem = take_vmem();
    u64 blocks = fuzz_take(&input, 1) % (vmem->nr_blocks + 1);
    fake_vmem_set_requested(vmem, blocks * vmem->block_bytes);
}

static void change_mood(void)
{
    struct fake_vmem_moods *moods = &take_vmem()->moods;
    unsigned *const fields[] = {&moods->silent,     &moods->lost,  &moods->busy,
                                &moods->nack,       &moods->error, &moods->error_half,
                                &moods->needs_reset};
    u8 what = (u8)fuzz_take(&input, 1);
    *fields[what % ARRAY_SIZE(fields)] = what / 32;
}

static void use_slot(u8 what)
{
    if (!slot->card && nr_vmems < KERNEL_DEVICES_MAX) {
        vmems[nr_vmems++] = kernel_plug(slot);
        vmems[nr_vmems - 1]->is_strict = false;
    } else if (slot->card && what % 2 == 0) {
        kernel_pull(slot, vmems[nr_vmems - 1]);
        nr_pulled++;
        turn_for(SWAP_MS);
    } else if (slot->card) {
        slot->leaves_with_power = true;
        fake_pci_slot_set(slot, PCI_SLOT_BUTTON_PRESSED);
    }
}

static void act(void)
{
    u8 what = (u8)fuzz_take(&input, 1);
    switch (what % 8) {
    case 0:
    case 1:
    case 2:
        type_words();
        break;
    case 3:
        type_bytes();
        break;
    case 4:
        request_size();
        break;
    case 5:
        change_mood();
        break;
    case 6:
        use_slot(what / 8);
        break;
    default:
        turn_for(1 + fuzz_take(&input, 2) % TIME_MAX_MS);
        break;
    }
}

/* ---- the end ---- */

/* The user frees all and the host requests nothing. */
static void let_go(void)
{
    static const char *const lines[] = {
        "\x03",          "workload stop", "bench churn stop", "bench checkerboard stop",
        "vm touch stop", "free all",      "vm free all",
    };
    for (unsigned i = 0; i < nr_vmems; i++) {
        vmems[i]->moods = (struct fake_vmem_moods){0};
        if (vmems[i]->requested_bytes != 0)
            fake_vmem_set_requested(vmems[i], 0);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
        type(lines[i]);
}

static bool is_at_zero(void)
{
    const struct vmem_device *driver;
    for (unsigned i = 0; (driver = devices_at(i)) != NULL; i++) {
        struct vmem_status status;
        vmem_get_status(driver, &status);
        bool is_broken = status.state == VMEM_STATE_BROKEN; /* its blocks go when it is off */
        if (!is_broken && (!status.is_settled || status.plugged_blocks != 0))
            return false;
    }
    return true;
}

static void switch_all_off(void)
{
    const struct vmem_device *driver;
    struct vmem_status status;
    char line[32];
    for (unsigned tries = 0; (driver = devices_at(0)) != NULL; tries++) {
        FUZZ_CHECK(tries < TURNS_MAX);
        vmem_get_status(driver, &status);
        snprintf(line, sizeof(line), "off %s", status.name);
        type(line);
        kernel_take_turn();
    }
}

static void expect_all_back(void)
{
    struct page_stats stats;
    u64 end_ms = platform_now_ms() + CLEANUP_MS;
    for (unsigned turns = 0; !is_at_zero(); turns++) {
        bool in_time = platform_now_ms() < end_ms && turns < TURNS_MAX;
        if (!in_time)
            fprintf(stderr, "%s", kernel_type("status"));
        FUZZ_CHECK(in_time);
        kernel_take_turn();
    }
    switch_all_off();
    page_get_stats(&stats);
    FUZZ_CHECK(stats.plugged_frames == 0);
    FUZZ_CHECK(stats.boot_used <= nr_pulled * RING_FRAMES);
}

/* False if the kernel ended the machine, as `exit` does: the rest of the kernel is as it was. */
static bool run_guarded(void (*run)(void))
{
    if (setjmp(*fake_expect_exit()) == 0) {
        run();
        return true;
    }
    if (fake_exit_value() == EXIT_OK || fake_exit_value() > EXIT_USER)
        return false;
    fprintf(stderr, "%s\nexit value 0x%x\n", fake_console(), fake_exit_value());
    abort();
}

static void act_all(void)
{
    for (unsigned i = 0; i < ACTIONS_MAX && !fuzz_ended(&input); i++)
        act();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
    input = (struct fuzz_input){data, bytes, 0};
    start();
    run_guarded(act_all);
    FUZZ_CHECK(run_guarded(let_go));
    FUZZ_CHECK(run_guarded(expect_all_back));
    kernel_stop();
    return 0;
}

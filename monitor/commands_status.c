/* SPDX-License-Identifier: BSD-2-Clause */
/* status, stats and cpus: what the drivers hold, figures of the allocator, the processors. */
#include "arch/x86_64/arch.h"
#include "drivers/virtio/include/vmem/vmem.h"
#include "include/platform.h"
#include "kernel/devices.h"
#include "lib/console.h"
#include "lib/parse.h"
#include "mm/page.h"
#include "monitor/commands.h"

#define PINNED_BYTES 256 /* of the text of what keeps blocks plugged */

/* In a word or two: how the device is. */
static void print_condition(const struct vmem_status *status)
{
    if (status->state == VMEM_STATE_BROKEN)
        console_printf("broken: %s", status->broken_reason);
    else if (status->wait != VMEM_WAIT_NONE)
        console_printf("waiting: %s", vmem_wait_text(status->wait));
    else if (status->is_settled)
        console_printf("settled");
    else
        console_printf("%s", vmem_state_name(status->state));
}

static const char *irq_mode_name(enum vmem_irq_mode mode)
{
    static const char *const names[] = {
        [VMEM_IRQ_AUTO] = "none",
        [VMEM_IRQ_MSIX] = "msix",
        [VMEM_IRQ_INTX] = "intx",
        [VMEM_IRQ_POLL] = "poll",
    };
    return names[mode];
}

static void print_status(const struct vmem_device *vmem)
{
    struct vmem_status status;
    char block[24];
    char region[24];
    char pinned[PINNED_BYTES];
    vmem_get_status(vmem, &status);
    console_printf("%s: %s, ", status.name, status.location);
    print_condition(&status);
    vmem_describe_pinned(vmem, pinned, sizeof(pinned));
    if (pinned[0] != 0)
        console_printf("\n  pinned %s", pinned);
    console_printf("\n  region 0x%lx +%s, block %s, node %u\n",
                   (unsigned long)status.config.region_base,
                   format_size(status.config.region_bytes, region, sizeof(region)),
                   format_size(status.config.block_bytes, block, sizeof(block)), status.node_id);
    console_printf("  requested=%lu plugged=%lu usable=%lu\n",
                   (unsigned long)status.config.requested_bytes,
                   (unsigned long)(status.plugged_blocks * status.config.block_bytes),
                   (unsigned long)status.config.usable_bytes);
    console_printf("  requests plug=%lu unplug=%lu unplug_all=%lu state=%lu\n",
                   (unsigned long)status.requests[VMEM_COUNT_PLUG],
                   (unsigned long)status.requests[VMEM_COUNT_UNPLUG],
                   (unsigned long)status.requests[VMEM_COUNT_UNPLUG_ALL],
                   (unsigned long)status.requests[VMEM_COUNT_STATE]);
    console_printf("  replies ack=%lu nack=%lu busy=%lu error=%lu timeouts=%lu resets=%lu\n",
                   (unsigned long)status.replies[VMEM_COUNT_ACK],
                   (unsigned long)status.replies[VMEM_COUNT_NACK],
                   (unsigned long)status.replies[VMEM_COUNT_BUSY],
                   (unsigned long)status.replies[VMEM_COUNT_ERROR], (unsigned long)status.timeouts,
                   (unsigned long)status.resets);
    console_printf("  moved blocks=%lu refusals=%lu\n", (unsigned long)status.migrated_blocks,
                   (unsigned long)status.migration_refusals);
    console_printf("  features=0x%lx irq=%s interrupts=%lu\n", (unsigned long)status.features,
                   irq_mode_name(status.irq_mode), (unsigned long)status.interrupts);
}

void command_status(const struct command_line *line)
{
    (void)line;
    const struct vmem_device *vmem;
    for (unsigned i = 0; (vmem = devices_at(i)) != NULL; i++)
        print_status(vmem);
    if (!devices_at(0))
        console_printf("no virtio-mem device is in use\n");
}

void command_stats(const struct command_line *line)
{
    struct page_stats stats;
    (void)line;
    page_get_stats(&stats);
    console_printf("stats: boot frames=%lu used=%lu\n", (unsigned long)stats.boot_frames,
                   (unsigned long)stats.boot_used);
    console_printf("stats: plugged frames=%lu used=%lu\n", (unsigned long)stats.plugged_frames,
                   (unsigned long)stats.plugged_used);
    console_printf("stats: metadata bytes=%lu\n", (unsigned long)stats.metadata_bytes);
    console_printf("stats: uptime ms=%lu\n", (unsigned long)platform_now_ms());
}

void command_cpus(const struct command_line *line)
{
    (void)line;
    console_printf("cpus: running=%u\n", cpus_running());
    for (unsigned id = 1; cpus_exists(id); id++)
        console_printf("cpus: %u %s\n", id,
                       !cpus_runs(id)  ? "did not start"
                       : cpus_busy(id) ? "busy"
                                       : "idle");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* status, verify, off and on: what the drivers report, and what a user asks of them. */
#include "drivers/pci/pci.h"
#include "drivers/virtio/include/vmem/vmem.h"
#include "include/status.h"
#include "kernel/devices.h"
#include "lib/console.h"
#include "lib/parse.h"
#include "monitor/command_error.h"
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

/* The result is a line of the driver's own, when the device has answered. */
void command_verify(const struct command_line *line)
{
    const struct vmem_device *only = NULL;
    if (line->nr_arguments > 1 && !(only = devices_find(line->arguments[1]))) {
        monitor_usage_error(line, line->arguments[1], "a device such as vmem0");
        return;
    }
    devices_verify(only);
}

static void switch_device(const struct command_line *line, int (*act)(const char *name))
{
    const char *name = line->arguments[1];
    switch (act(name)) {
    case OK:
        console_printf("%s: %s is %s\n", line->arguments[0], name, line->arguments[0]);
        break;
    case E_AGAIN:
        console_printf("off: %s goes off when the device agrees\n", name);
        break;
    case E_BUSY:
        command_error("off: %s: pages of it are in use", name);
        break;
    case E_EXIST:
        command_error("%s: %s is %s already", line->arguments[0], name, line->arguments[0]);
        break;
    case E_NODEV:
        monitor_usage_error(line, name, "a device such as vmem0");
        break;
    default: /* why not stands in the log */
        command_error("on: %s cannot be used", name);
        break;
    }
}

void command_off(const struct command_line *line)
{
    switch_device(line, devices_off);
}

void command_on(const struct command_line *line)
{
    switch_device(line, devices_on);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lines that people see of a resize, one each: that it is settled, or why it cannot be.
 */
#include "device.h"

#include "../core/text.h"

void vmem_report_settled(struct vmem_device *vmem)
{
    struct vmem_report *report = &vmem->report;
    const struct vmem_config *config = &vmem->config;
    report->is_short_reported = false;
    if (report->has_settled && report->settled_bytes == config->requested_bytes &&
        report->changes_since == 0)
        return;
    /* A stable format: tools and tests read it. */
    vmem_log(VMEM_LOG_INFO, vmem->name,
             "settled requested=%llu plugged=%llu usable=%llu requests=%llu",
             vmem_llu(config->requested_bytes), vmem_llu(config->plugged_bytes),
             vmem_llu(config->usable_bytes), vmem_llu(report->requests_since));
    report->has_settled = true;
    report->settled_bytes = config->requested_bytes;
    report->requests_since = 0;
    report->changes_since = 0;
    report->count.resizes++;
}

void vmem_report_short(struct vmem_device *vmem, uint64_t nr_blocks)
{
    struct vmem_report *report = &vmem->report;
    unsigned long long requested = vmem_llu(vmem->config.requested_bytes);
    unsigned long long plugged = vmem_llu(vmem->config.plugged_bytes);
    char pinned[VMEM_PINNED_BYTES];
    if (report->is_short_reported && report->short_bytes == vmem->config.requested_bytes)
        return;
    report->is_short_reported = true;
    report->short_bytes = vmem->config.requested_bytes;
    if (vmem_is_short_of_idle(vmem)) {
        vmem_describe_pinned(vmem, pinned, sizeof(pinned));
        vmem_log(VMEM_LOG_WARNING, vmem->name,
                 "requested=%llu plugged=%llu: %llu blocks stay plugged while pages in them are in "
                 "use: %s",
                 requested, plugged, vmem_llu(nr_blocks), pinned);
    } else {
        vmem_log(VMEM_LOG_WARNING, vmem->name,
                 "requested=%llu plugged=%llu: %llu blocks are missing, %s", requested, plugged,
                 vmem_llu(nr_blocks), vmem_wait_text(vmem->wait.reason));
    }
}

void vmem_describe_pinned(const struct vmem_device *vmem, char *text, size_t text_bytes)
{
    const struct vmem_options *options = &vmem->options;
    text[0] = '\0';
    if (vmem_is_short_of_idle(vmem) && options->memory->describe_pinned)
        options->memory->describe_pinned(options->memory_context, vmem->config.region_base,
                                         vmem->config.region_bytes, text, text_bytes);
}

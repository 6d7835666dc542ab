/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plugged memory in the balloon, and the virtio-mem devices that want to unplug it. See
 * balloon_memory.h.
 *
 * Its pages could be movable, but then a block could be emptied only where there is room for what
 * is in it, and the balloon takes just that room. So they are given back, in the region of the
 * device that is short of idle blocks, and as much as it has too much. It unplugs them before the
 * balloon looks for pages again.
 */
#include "drivers/virtio/include/vmem/vmem.h"
#include "extras/balloon/balloon_memory.h"
#include "include/types.h"
#include "kernel/devices.h"

/* How much the device has more than the host wants. */
static u64 excess_bytes(const struct vmem_status *status)
{
    u64 plugged = status->plugged_blocks * status->config.block_bytes;
    return plugged - min_u64(plugged, status->config.requested_bytes);
}

static bool is_short_of_idle(const struct vmem_status *status)
{
    return status->wait == VMEM_WAIT_PAGES_IN_USE || status->wait == VMEM_WAIT_MIGRATION_REFUSED ||
           status->wait == VMEM_WAIT_MIGRATION_ROOM;
}

bool balloon_make_way(struct vmem_balloon *driver)
{
    u64 before = balloon_plugged_bytes();
    struct vmem_device *device;
    struct vmem_status status;
    bool is_shrinking = false;
    for (unsigned i = 0; (device = devices_at(i)) != NULL; i++) {
        vmem_get_status(device, &status);
        u64 excess = excess_bytes(&status);
        is_shrinking |= excess != 0;
        if (excess != 0 && before != 0 && is_short_of_idle(&status))
            vmem_balloon_vacate(driver, status.config.region_base, status.config.region_bytes,
                                excess);
    }
    balloon_allow_plugged(!is_shrinking);
    return balloon_plugged_bytes() != before;
}

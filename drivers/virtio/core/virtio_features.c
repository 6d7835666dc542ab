/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of the reserved feature bits. See virtio.h. */
#include "virtio.h"
#include "virtio_spec.h"

static const char *const feature_names[64] = {
    [VIRTIO_F_INDIRECT_DESC] = "INDIRECT_DESC",
    [VIRTIO_F_EVENT_IDX] = "EVENT_IDX",
    [VIRTIO_F_VERSION_1] = "VERSION_1",
    [VIRTIO_F_ACCESS_PLATFORM] = "ACCESS_PLATFORM",
    [VIRTIO_F_RING_PACKED] = "RING_PACKED",
    [VIRTIO_F_IN_ORDER] = "IN_ORDER",
    [VIRTIO_F_ORDER_PLATFORM] = "ORDER_PLATFORM",
    [VIRTIO_F_SR_IOV] = "SR_IOV",
    [VIRTIO_F_NOTIFICATION_DATA] = "NOTIFICATION_DATA",
    [VIRTIO_F_NOTIF_CONFIG_DATA] = "NOTIF_CONFIG_DATA",
    [VIRTIO_F_RING_RESET] = "RING_RESET",
    [VIRTIO_F_ADMIN_VQ] = "ADMIN_VQ",
    [VIRTIO_F_SUSPEND] = "SUSPEND",
};

const char *vmem_virtio_feature_name(unsigned bit, const char *const device_names[24])
{
    if (bit < 24)
        return device_names[bit];
    return bit < VMEM_ARRAY_SIZE(feature_names) ? feature_names[bit] : NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of the reserved feature bits, and the list of those that a user
 * does not want. See virtio.h.
 */
#include "drivers/virtio/core/virtio.h"
#include "drivers/virtio/core/virtio_spec.h"
#include "include/status.h"
#include "lib/parse.h"
#include "lib/string.h"

#define NAME_BYTES 32

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
    return bit < ARRAY_SIZE(feature_names) ? feature_names[bit] : NULL;
}

static char upper(char character)
{
    return character >= 'a' && character <= 'z' ? (char)(character - 'a' + 'A') : character;
}

static int parse_bit(const char *name, const char *const device_names[24], u64 *bit)
{
    for (*bit = 0; *bit < ARRAY_SIZE(feature_names); ++*bit) {
        const char *known = vmem_virtio_feature_name((unsigned)*bit, device_names);
        if (!known)
            continue;
        if (strcmp(name, known) == 0 ||
            (strncmp(known, "RING_", 5) == 0 && strcmp(name, known + 5) == 0))
            return OK;
    }
    return parse_u64(name, bit) == OK && *bit < ARRAY_SIZE(feature_names) ? OK : E_INVAL;
}

int vmem_virtio_parse_features_masked(const char *text, const char *const device_names[24],
                                      u64 *masked)
{
    u64 bits = 0;

    do {
        char name[NAME_BYTES];
        size_t length = 0;
        u64 bit;

        if (*text++ != '-')
            return E_INVAL;
        for (; *text != '\0' && *text != ','; text++) {
            if (length == sizeof(name) - 1)
                return E_INVAL;
            name[length++] = upper(*text);
        }
        name[length] = '\0';
        if (parse_bit(name, device_names, &bit) != OK)
            return E_INVAL;
        bits |= VIRTIO_FEATURE(bit);
    } while (*text++ == ',');
    *masked |= bits;
    return OK;
}

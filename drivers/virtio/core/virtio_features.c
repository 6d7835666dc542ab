/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of the reserved feature bits, and the list of those that a user
 * does not want. See virtio.h.
 */
#include "text.h"
#include "virtio.h"
#include "virtio_spec.h"

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
    return bit < VMEM_ARRAY_SIZE(feature_names) ? feature_names[bit] : NULL;
}

static char upper(char character)
{
    return character >= 'a' && character <= 'z' ? (char)(character - 'a' + 'A') : character;
}

/* "PACKED" of "RING_PACKED"; other names as they are. */
static const char *without_ring(const char *name)
{
    static const char prefix[] = "RING_";

    for (unsigned i = 0; i < sizeof(prefix) - 1; i++) {
        if (name[i] != prefix[i])
            return name;
    }
    return name + sizeof(prefix) - 1;
}

static int parse_bit(const char *name, const char *const device_names[24], uint64_t *bit)
{
    for (*bit = 0; *bit < VMEM_ARRAY_SIZE(feature_names); ++*bit) {
        const char *known = vmem_virtio_feature_name((unsigned)*bit, device_names);
        if (!known)
            continue;
        if (vmem_text_equal(name, known) || vmem_text_equal(name, without_ring(known)))
            return VMEM_OK;
    }
    return vmem_parse_number(name, bit) == VMEM_OK && *bit < VMEM_ARRAY_SIZE(feature_names)
               ? VMEM_OK
               : VMEM_E_INVAL;
}

int vmem_virtio_parse_features_masked(const char *text, const char *const device_names[24],
                                      uint64_t *masked)
{
    uint64_t bits = 0;

    do {
        char name[NAME_BYTES];
        size_t length = 0;
        uint64_t bit;

        if (*text++ != '-')
            return VMEM_E_INVAL;
        for (; *text != '\0' && *text != ','; text++) {
            if (length == sizeof(name) - 1)
                return VMEM_E_INVAL;
            name[length++] = upper(*text);
        }
        name[length] = '\0';
        if (parse_bit(name, device_names, &bit) != VMEM_OK)
            return VMEM_E_INVAL;
        bits |= VIRTIO_FEATURE(bit);
    } while (*text++ == ',');
    *masked |= bits;
    return VMEM_OK;
}

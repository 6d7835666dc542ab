/* SPDX-License-Identifier: BSD-2-Clause */
/* See virtio_pci_caps.h. */
#include "drivers/virtio/pci/virtio_pci_caps.h"

#include "drivers/virtio/core/arch.h"
#include "drivers/virtio/core/text.h"
#include "drivers/virtio/pci/virtio_pci_spec.h"
#include "include/status.h"
#include "include/units.h"

#define CONFIG_SPACE_BYTES 256
#define VENDOR_CAPS_MAX    48 /* (256 - 64) / 4: more are a loop */
#define OVERLAP_BYTES      64 /* of a structure, as far as the driver uses it */

/* What each structure must have: "Virtio Structure PCI Capabilities" and its own section. */
struct structure {
    const char *name;
    uint32_t bytes_min;
    uint32_t alignment;
    uint8_t cap_bytes; /* of the capability */
};

static const struct structure structures[] = {
    [VIRTIO_PCI_CFG_COMMON] = {"common", VIRTIO_PCI_COMMON_BYTES_MIN, 4, VIRTIO_PCI_CAP_BYTES},
    [VIRTIO_PCI_CFG_NOTIFY] = {"notify", 2, 2, VIRTIO_PCI_CAP_NOTIFY_BYTES},
    [VIRTIO_PCI_CFG_ISR] = {"ISR", 1, 1, VIRTIO_PCI_CAP_BYTES},
    [VIRTIO_PCI_CFG_DEVICE] = {"device", 1, 4, VIRTIO_PCI_CAP_BYTES},
};

/* A search under way. */
struct search {
    struct pci_device *pci;
    const char *location;
    struct virtio_pci_windows *windows;
    bool out_of_range[VMEM_ARRAY_SIZE(structures)]; /* an instance was refused for this reason */
};

static struct virtio_pci_window *window_of(struct virtio_pci_windows *windows, uint8_t type)
{
    switch (type) {
    case VIRTIO_PCI_CFG_COMMON:
        return &windows->common;
    case VIRTIO_PCI_CFG_NOTIFY:
        return &windows->notify;
    case VIRTIO_PCI_CFG_ISR:
        return &windows->isr;
    case VIRTIO_PCI_CFG_DEVICE:
        return &windows->device;
    default:
        return NULL; /* reserved, or not used here: passed over */
    }
}

/* NULL if the window can be used, else why not. */
static const char *check_window(struct search *search, uint8_t type, uint8_t cap_bytes,
                                const struct virtio_pci_window *window)
{
    const struct structure *expected = &structures[type];

    if (cap_bytes < expected->cap_bytes) /* longer is allowed */
        return "the capability is too short";
    if (window->bar >= PCI_BARS)
        return "the BAR number is reserved";
    const struct pci_bar *bar = &search->pci->bars[window->bar];
    if (bar->kind != PCI_BAR_MEMORY || bar->bytes == 0)
        return "the BAR is not a memory BAR";
    if (bar->base == 0)
        return "the BAR has no address";
    if (window->bytes < expected->bytes_min)
        return "the structure is too short";
    if (!vmem_is_aligned(window->offset, expected->alignment))
        return "the structure is not aligned";
    if ((uint64_t)window->offset + window->bytes > bar->bytes) {
        search->out_of_range[type] = true;
        return "the structure leaves the BAR";
    }
    return NULL;
}

/* Look at the capability at `at` in config space. */
static void look_at(struct search *search, uint8_t at)
{
    struct pci_device *pci = search->pci;
    uint8_t type = pci_read8(pci, at + VIRTIO_PCI_CAP_CFG_TYPE);
    struct virtio_pci_window *found = window_of(search->windows, type);

    if (!found || found->bytes != 0) /* the first usable instance is the one */
        return;
    if (at + structures[type].cap_bytes > CONFIG_SPACE_BYTES) {
        vmem_log(VMEM_LOG_DEBUG, search->location, "capability at 0x%02x: leaves config space", at);
        return;
    }
    uint8_t cap_bytes = pci_read8(pci, at + VIRTIO_PCI_CAP_LEN);
    struct virtio_pci_window window = {
        .bar = pci_read8(pci, at + VIRTIO_PCI_CAP_BAR),
        .offset = pci_read32(pci, at + VIRTIO_PCI_CAP_OFFSET),
        .bytes = pci_read32(pci, at + VIRTIO_PCI_CAP_LENGTH),
    };
    const char *why_not = check_window(search, type, cap_bytes, &window);
    if (why_not) {
        vmem_log(VMEM_LOG_DEBUG, search->location,
                 "%s capability at 0x%02x (BAR %u, 0x%x + 0x%x) is not used: %s",
                 structures[type].name, at, window.bar, window.offset, window.bytes, why_not);
        return;
    }
    *found = window;
    if (type == VIRTIO_PCI_CFG_NOTIFY)
        search->windows->notify_multiplier = pci_read32(pci, at + VIRTIO_PCI_CAP_NOTIFY_MULTIPLIER);
}

static bool windows_overlap(const struct virtio_pci_window *a, const struct virtio_pci_window *b)
{
    return a->bar == b->bar && vmem_ranges_overlap(a->offset, vmem_min(a->bytes, OVERLAP_BYTES),
                                                   b->offset, vmem_min(b->bytes, OVERLAP_BYTES));
}

/* That notifications do not land in a structure is checked for each queue's own address. */
static int check_overlaps(const struct search *search)
{
    for (uint8_t a = VIRTIO_PCI_CFG_COMMON; a <= VIRTIO_PCI_CFG_DEVICE; a++) {
        for (uint8_t b = (uint8_t)(a + 1); b <= VIRTIO_PCI_CFG_DEVICE; b++) {
            const struct virtio_pci_window *first = window_of(search->windows, a);
            const struct virtio_pci_window *second = window_of(search->windows, b);
            if (a == VIRTIO_PCI_CFG_NOTIFY || b == VIRTIO_PCI_CFG_NOTIFY ||
                !windows_overlap(first, second))
                continue;
            vmem_log(VMEM_LOG_ERROR, search->location,
                     "the %s structure (BAR %u, 0x%x) overlaps the %s structure (0x%x)",
                     structures[a].name, first->bar, first->offset, structures[b].name,
                     second->offset);
            return VMEM_E_RANGE;
        }
    }
    return VMEM_OK;
}

int vmem_pci_notify_offset(const struct virtio_pci_windows *windows, uint16_t queue_notify_off,
                           uint32_t bytes, uint64_t *offset)
{
    uint64_t distance = (uint64_t)queue_notify_off * windows->notify_multiplier;

    if (distance + bytes > windows->notify.bytes)
        return VMEM_E_RANGE;
    struct virtio_pci_window doorbell = {.bar = windows->notify.bar, .bytes = bytes};
    doorbell.offset =
        (uint32_t)(windows->notify.offset + distance); /* below the end of the window */
    if (!vmem_is_aligned(doorbell.offset, bytes) || windows_overlap(&doorbell, &windows->common) ||
        windows_overlap(&doorbell, &windows->isr) || windows_overlap(&doorbell, &windows->device))
        return VMEM_E_RANGE;
    *offset = doorbell.offset;
    return VMEM_OK;
}

static int check_missing(struct search *search)
{
    for (uint8_t type = VIRTIO_PCI_CFG_COMMON; type <= VIRTIO_PCI_CFG_ISR; type++) {
        if (window_of(search->windows, type)->bytes != 0)
            continue;
        vmem_log(VMEM_LOG_ERROR, search->location, "no usable %s structure%s",
                 structures[type].name, search->out_of_range[type] ? ": it leaves its BAR" : "");
        return search->out_of_range[type] ? VMEM_E_RANGE : VMEM_E_NODEV;
    }
    return VMEM_OK;
}

int vmem_pci_find_windows(struct pci_device *pci, struct virtio_pci_windows *windows)
{
    char location[PCI_ADDRESS_TEXT_BYTES];
    struct search search = {.pci = pci, .windows = windows};
    uint8_t at = 0;

    *windows = (struct virtio_pci_windows){0};
    search.location = pci_address_text(pci->address, location);
    pci_claim_bars(pci);
    for (unsigned i = 0; i < VENDOR_CAPS_MAX; i++) {
        at = pci_find_capability(pci, PCI_CAP_VENDOR, at);
        if (at == 0)
            break;
        look_at(&search, at);
    }
    int status = check_missing(&search);
    return status != VMEM_OK ? status : check_overlaps(&search);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* See virtio_pci_caps.h. */
#include "virtio_pci_caps.h"

#include "../core/text.h"
#include "../include/vmem/pci.h"

#define CAPS_MAX      48 /* (256 - 64) / 4: more are a loop */
#define OVERLAP_BYTES 64 /* of a structure, as far as the driver uses it */

/* What each structure must have: "Virtio Structure PCI Capabilities" and its own section. */
struct structure {
    const char *name;
    uint32_t bytes_min;
    uint32_t alignment;
    uint8_t cap_bytes;     /* of the capability */
    uint32_t mapped_bytes; /* at most: it may be far longer than needed */
};

static const struct structure structures[] = {
    [VIRTIO_PCI_CFG_COMMON] = {"common", VIRTIO_PCI_COMMON_BYTES_MIN, 4, VIRTIO_PCI_CAP_BYTES,
                               VIRTIO_PCI_COMMON_BYTES},
    [VIRTIO_PCI_CFG_NOTIFY] = {"notify", 2, 2, VIRTIO_PCI_CAP_NOTIFY_BYTES, 0},
    [VIRTIO_PCI_CFG_ISR] = {"ISR", 1, 1, VIRTIO_PCI_CAP_BYTES, 1},
    [VIRTIO_PCI_CFG_DEVICE] = {"device", 1, 4, VIRTIO_PCI_CAP_BYTES, 4096},
};

/* A search under way. */
struct search {
    void *function;
    const char *location;
    struct virtio_pci_windows *windows;
    int failures[VMEM_ARRAY_SIZE(structures)]; /* why an instance was refused, if it matters */
};

/* NULL for a type that is reserved, or not used here. */
static struct virtio_pci_window *window_of(struct virtio_pci_windows *windows, uint8_t type)
{
    bool is_known = type >= VIRTIO_PCI_CFG_COMMON && type <= VIRTIO_PCI_CFG_DEVICE;

    return is_known ? &windows->by_type[type - VIRTIO_PCI_CFG_COMMON] : NULL;
}

/*
 * Map what is used of a structure, once its end was seen to lie in the BAR. NULL, or why it cannot
 * be used.
 */
static const char *map_window(struct search *search, uint8_t type, struct virtio_pci_window *window)
{
    uint64_t last = (uint64_t)window->offset + window->bytes - 1;
    volatile void *registers;

    int status = vmem_host_pci_map(search->function, window->bar, last, 1, &registers);
    if (status == VMEM_OK) {
        vmem_host_pci_unmap(search->function, registers, 1);
        window->mapped_bytes = (uint32_t)vmem_min(window->bytes, structures[type].mapped_bytes);
        if (window->mapped_bytes == 0)
            return NULL;
        status = vmem_host_pci_map(search->function, window->bar, window->offset,
                                   window->mapped_bytes, &registers);
    }
    if (status == VMEM_OK) {
        window->registers = registers;
        return NULL;
    }
    if (status == VMEM_E_NODEV)
        return "the BAR is no memory BAR, or has no address";
    search->failures[type] = status;
    return status == VMEM_E_RANGE ? "the structure leaves the BAR" : "it cannot be mapped";
}

/* NULL if the window can be used and is mapped, else why not. */
static const char *use_window(struct search *search, uint8_t type, uint8_t cap_bytes,
                              struct virtio_pci_window *window)
{
    const struct structure *expected = &structures[type];

    if (cap_bytes < expected->cap_bytes) /* longer is allowed */
        return "the capability is too short";
    if (window->bar >= VIRTIO_PCI_BARS)
        return "the BAR number is reserved";
    if (window->bytes < expected->bytes_min)
        return "the structure is too short";
    if (!vmem_is_aligned(window->offset, expected->alignment))
        return "the structure is not aligned";
    return map_window(search, type, window);
}

/* Each read may be an exit to the host: four bytes at a time. */
static uint32_t read_field(const struct search *search, uint8_t at, unsigned field)
{
    return vmem_host_pci_read(search->function, (uint16_t)(at + field), 4);
}

/* Look at the capability at `at` in config space, which begins with `head`. */
static void look_at(struct search *search, uint8_t at, uint32_t head)
{
    uint8_t type = (uint8_t)(head >> 8 * VIRTIO_PCI_CAP_CFG_TYPE);
    struct virtio_pci_window *found = window_of(search->windows, type);

    if (!found || found->bytes != 0) /* the first usable instance is the one */
        return;
    if (at + structures[type].cap_bytes > VIRTIO_PCI_CONFIG_BYTES) {
        vmem_log(VMEM_LOG_DEBUG, search->location, "capability at 0x%02x: leaves config space", at);
        return;
    }
    uint8_t cap_bytes = (uint8_t)(head >> 8 * VIRTIO_PCI_CAP_LEN);
    struct virtio_pci_window window = {
        .bar = (uint8_t)read_field(search, at, VIRTIO_PCI_CAP_BAR),
        .offset = read_field(search, at, VIRTIO_PCI_CAP_OFFSET),
        .bytes = read_field(search, at, VIRTIO_PCI_CAP_LENGTH),
    };
    const char *why_not = use_window(search, type, cap_bytes, &window);
    if (why_not) {
        vmem_log(VMEM_LOG_DEBUG, search->location,
                 "%s capability at 0x%02x (BAR %u, 0x%x + 0x%x) is not used: %s",
                 structures[type].name, at, window.bar, window.offset, window.bytes, why_not);
        return;
    }
    *found = window;
    if (type == VIRTIO_PCI_CFG_NOTIFY)
        search->windows->notify_multiplier =
            read_field(search, at, VIRTIO_PCI_CAP_NOTIFY_MULTIPLIER);
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
    for (uint8_t type = VIRTIO_PCI_CFG_COMMON; type <= VIRTIO_PCI_CFG_DEVICE; type++) {
        int failure = search->failures[type];
        if (window_of(search->windows, type)->bytes != 0 ||
            (type == VIRTIO_PCI_CFG_DEVICE && failure != VMEM_E_NOMEM)) /* it may be absent */
            continue;
        vmem_log(VMEM_LOG_ERROR, search->location, "no usable %s structure%s",
                 structures[type].name, failure == VMEM_E_RANGE ? ": it leaves its BAR" : "");
        return failure != VMEM_OK ? failure : VMEM_E_NODEV;
    }
    return VMEM_OK;
}

/* The list of capabilities is the device's word: its pointers may form a loop, or lead nowhere. */
static void walk(struct search *search)
{
    uint32_t status = vmem_host_pci_read(search->function, VIRTIO_PCI_HEADER_STATUS, 2);

    if ((status & VIRTIO_PCI_STATUS_CAPABILITIES) == 0)
        return;
    uint32_t next = vmem_host_pci_read(search->function, VIRTIO_PCI_HEADER_CAPABILITIES, 1);
    for (unsigned i = 0; i < CAPS_MAX; i++) {
        uint8_t at = next & 0xfc;
        if (at < VIRTIO_PCI_HEADER_END)
            return;
        uint32_t head = read_field(search, at, 0);
        if ((head & 0xff) == VIRTIO_PCI_CAP_ID_VENDOR)
            look_at(search, at, head);
        search->windows->has_msix |= (head & 0xff) == VIRTIO_PCI_CAP_ID_MSIX;
        next = head >> 8;
    }
}

int vmem_pci_find_windows(void *function, const char *location, struct virtio_pci_windows *windows)
{
    struct search search = {.function = function, .location = location, .windows = windows};

    *windows = (struct virtio_pci_windows){0};
    walk(&search);
    int status = check_missing(&search);
    if (status == VMEM_OK)
        status = check_overlaps(&search);
    if (status != VMEM_OK)
        vmem_pci_unmap_windows(function, windows);
    return status;
}

void vmem_pci_unmap_windows(void *function, struct virtio_pci_windows *windows)
{
    for (uint8_t type = VIRTIO_PCI_CFG_COMMON; type <= VIRTIO_PCI_CFG_DEVICE; type++) {
        struct virtio_pci_window *window = window_of(windows, type);
        if (window->registers)
            vmem_host_pci_unmap(function, window->registers, window->mapped_bytes);
        window->registers = NULL;
    }
}

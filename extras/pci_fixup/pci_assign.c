/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses for BARs: free addresses of the host bridge and of the memory windows of bridges.
 * Windows that firmware left closed are opened.
 *
 * Addresses are below 4 GiB, or inside a 64-bit prefetchable window that firmware opened: the
 * regions of virtio-mem devices lie above the RAM, and no map shows them. An address of the host
 * bridge is free if no range of the boot map, ECAM window, BAR that decodes or bridge window covers
 * it. The search begins at HOST_FIRST, which is in the PCI hole of each PC, then at the end of the
 * low RAM.
 *
 * Slow and rarely needed: firmware has placed most devices.
 */
#include "extras/ecam/ecam.h"
#include "extras/pci_fixup/pci_fixup.h"

#include "drivers/pci/pci_internal.h"
#include "extras/pci_fixup/bridge_spec.h"
#include "include/platform.h"
#include "include/units.h"
#include "lib/log.h"

#define HOST_FIRST       ((u64)0xc0000000)
#define HOST_LAST        ((u64)0xfebfffff) /* IOAPIC, HPET, local APIC and flash come next */
#define LAST_32BIT       ((u64)0xffffffff)
#define WINDOW_BYTES_MIN (2 * MIB)

struct window {
    u64 first;
    u64 last;
};

struct request {
    u64 bytes;
    u64 alignment;
    bool prefetchable;               /* may lie in a prefetchable window */
    bool above_4g;                   /* may lie there */
    const struct pci_device *except; /* a bridge whose windows are about to be replaced, or NULL */
};

static const struct boot_info *boot_map;

void pci_assign_init(const struct boot_info *boot)
{
    boot_map = boot;
}

/* ---- what is in use ---- */

static u64 occupied_bytes(const struct pci_bar *bar)
{
    return max_u64(bar->bytes, PAGE_BYTES); /* two devices never share a page */
}

/* False where the bridge's registers describe none, or one over the first MiB, as after reset. */
static bool read_window(const struct pci_device *bridge, bool prefetchable, struct window *window)
{
    u32 value = pci_read32(bridge, prefetchable ? PCI_BRIDGE_PREFETCH : PCI_BRIDGE_MEMORY);
    window->first = (u64)(value & 0xfff0) << 16;
    window->last = (value & 0xfff00000) | (PCI_BRIDGE_GRANULE - 1);
    if (prefetchable && (value & 0xf) == PCI_BRIDGE_PREFETCH_64BIT) {
        window->first |= (u64)pci_read32(bridge, PCI_BRIDGE_PREFETCH_BASE_HI) << 32;
        window->last |= (u64)pci_read32(bridge, PCI_BRIDGE_PREFETCH_LIMIT_HI) << 32;
    }
    return window->first >= PCI_BRIDGE_GRANULE && window->first <= window->last &&
           window->last != PADDR_NONE;
}

/* The end of the first thing in the boot map that the range touches; 0 if none. */
static u64 boot_conflict(u64 base, u64 bytes, bool ram_only)
{
    for (u32 i = 0; boot_map && i < boot_map->nr_ranges; i++) {
        const struct boot_memory_range *range = &boot_map->ranges[i];
        if ((!ram_only || range->type == BOOT_MEMORY_RAM) &&
            ranges_overlap(base, bytes, range->base, range->bytes))
            return range->base + range->bytes;
    }
    return 0;
}

/* The same for ECAM windows. */
static u64 ecam_conflict(u64 base, u64 bytes)
{
    const struct platform_ecam *window;
    for (unsigned i = 0; (window = ecam_window(i)) != NULL; i++) {
        u64 window_bytes = ((u64)window->last_bus - window->first_bus + 1) * PCI_ECAM_BUS_BYTES;
        if (ranges_overlap(base, bytes, window->base, window_bytes))
            return window->base + window_bytes;
    }
    return 0;
}

/* The same for the memory BARs of one function, the first nr_bars of them. */
static u64 bar_conflict(const struct pci_device *device, unsigned nr_bars, u64 base, u64 bytes)
{
    for (unsigned i = 0; i < nr_bars; i++) {
        const struct pci_bar *bar = &device->bars[i];
        if (bar->kind == PCI_BAR_MEMORY && bar->base != 0 &&
            !range_overflows(bar->base, bar->bytes) &&
            ranges_overlap(base, bytes, bar->base, bar->bytes))
            return bar->base + bar->bytes;
    }
    return 0;
}

/* The same for the windows of a bridge. */
static u64 window_conflict(const struct pci_device *bridge, u64 base, u64 bytes)
{
    for (unsigned i = 0; i < 2; i++) {
        struct window window;
        if (read_window(bridge, i == 1, &window) &&
            ranges_overlap(base, bytes, window.first, window.last - window.first + 1))
            return window.last + 1;
    }
    return 0;
}

/* All root buses decode the same addresses. */
static bool shares_addresses(const struct pci_bus *a, const struct pci_bus *b)
{
    return a == b || (a && b && !a->bridge && !b->bridge);
}

/* BARs are looked at wherever they are: the windows that firmware set may overlap. */
static u64 first_conflict(const struct pci_bus *bus, const struct request *request, u64 base)
{
    u64 end = boot_conflict(base, request->bytes, bus->bridge != NULL);
    if (end == 0)
        end = ecam_conflict(base, request->bytes);
    struct pci_device *device;
    for (unsigned i = 0; end == 0 && (device = pci_table_at(i)) != NULL; i++) {
        if (!device->present)
            continue;
        end = bar_conflict(device, PCI_BARS, base, request->bytes);
        if (end == 0 && device->header_type == PCI_HEADER_BRIDGE && device != request->except &&
            shares_addresses(device->bus, bus))
            end = window_conflict(device, base, request->bytes);
    }
    return end;
}

/* ---- finding room ---- */

static u64 search(const struct pci_bus *bus, const struct request *request, struct window within)
{
    u64 base = align_up(within.first, request->alignment);
    /* Each turn passes the end of a range in use, so the loop ends. */
    while (base >= within.first && base <= within.last &&
           request->bytes - 1 <= within.last - base) {
        u64 end = first_conflict(bus, request, base);
        if (end == 0)
            return base;
        base = align_up(end, request->alignment);
        if (base < end)
            break;
    }
    return 0;
}

static u64 end_of_low_ram(void)
{
    u64 end = 0;
    for (u32 i = 0; i < boot_map->nr_ranges; i++) {
        const struct boot_memory_range *range = &boot_map->ranges[i];
        if (range->type == BOOT_MEMORY_RAM && range->base <= LAST_32BIT)
            end = max_u64(end, range->base + range->bytes);
    }
    return end;
}

static u64 search_host(const struct pci_bus *bus, const struct request *request)
{
    if (!boot_map)
        return 0;
    u64 ram_end = end_of_low_ram();
    struct window usual = {max_u64(HOST_FIRST, ram_end), HOST_LAST};
    struct window lower = {max_u64(ram_end, MIB), HOST_FIRST - 1};
    u64 base = search(bus, request, usual);
    return base ? base : search(bus, request, lower);
}

/* Whether a window above the bus lets the range through, and so up to the host bridge. */
static bool bus_reaches(const struct pci_bus *bus, u64 first, u64 last)
{
    for (; bus && bus->bridge; bus = bus->parent) {
        bool inside = false;
        for (unsigned i = 0; i < 2 && !inside; i++) {
            struct window window;
            inside = read_window(bus->bridge, i == 1, &window) && window.first <= first &&
                     last <= window.last;
        }
        if (!inside)
            return false;
    }
    return true;
}

static u64 search_bus(const struct pci_bus *bus, const struct request *request)
{
    if (!bus->bridge)
        return search_host(bus, request);
    for (unsigned i = 0; i < 2; i++) {
        bool prefetchable = i == 0;
        struct window window;
        if ((prefetchable && !request->prefetchable) ||
            !read_window(bus->bridge, prefetchable, &window) ||
            (window.last > LAST_32BIT && !request->above_4g) ||
            !bus_reaches(bus->parent, window.first, window.last))
            continue;
        u64 base = search(bus, request, window);
        if (base)
            return base;
    }
    return 0;
}

/* ---- opening windows ---- */

/* What the functions behind a bus need of a memory window. */
static void measure(const struct pci_bus *bus, struct request *request, bool *in_use)
{
    struct window window;
    bool open = read_window(bus->bridge, false, &window);
    u64 sum = 0;
    u64 largest = 0;
    *in_use = false;
    struct pci_device *device;
    for (unsigned i = 0; (device = pci_table_at(i)) != NULL; i++) {
        if (!device->present || !pci_bus_is_behind(device->bus, bus))
            continue;
        pci_size_bars(device);
        if (device->behind)
            sum += WINDOW_BYTES_MIN;
        for (unsigned j = 0; j < PCI_BARS; j++) {
            const struct pci_bar *bar = &device->bars[j];
            if (bar->kind != PCI_BAR_MEMORY || bar->bytes > HOST_LAST)
                continue;
            sum += occupied_bytes(bar);
            largest = max_u64(largest, occupied_bytes(bar));
            if (open && bar->base >= window.first && bar->base <= window.last)
                *in_use = true;
        }
    }
    /* First fit of aligned powers of two leaves holes of less than the largest in all. */
    u64 bytes = sum == largest ? sum : sum + largest;
    request->bytes = align_up(max_u64(bytes, WINDOW_BYTES_MIN), PCI_BRIDGE_GRANULE);
    request->alignment = max_u64(largest, PCI_BRIDGE_GRANULE);
}

/* After reset it is open over the first MiB: closed is a base above the limit. */
static void close_prefetch_window(const struct pci_device *bridge)
{
    pci_write32(bridge, PCI_BRIDGE_PREFETCH_LIMIT_HI, 0);
    pci_write32(bridge, PCI_BRIDGE_PREFETCH, 0x0000fff0);
    pci_write32(bridge, PCI_BRIDGE_PREFETCH_BASE_HI, 0);
}

/* Give the bridge of a bus a memory window that fits what is behind; not if one is in use. */
static bool open_window(const struct pci_bus *bus)
{
    struct pci_device *bridge = bus->bridge;
    struct request request = {.except = bridge};
    bool in_use;
    measure(bus, &request, &in_use);
    if (in_use)
        return false;
    u64 base = search_bus(bus->parent, &request);
    if (base == 0) {
        log_error(LOG_PCI, pci_name(bridge), "no room for a memory window of 0x%llx bytes",
                  (unsigned long long)request.bytes);
        return false;
    }
    u64 last = base + request.bytes - 1;
    struct window prefetch;
    if (!read_window(bridge, true, &prefetch))
        close_prefetch_window(bridge);
    pci_write32(bridge, PCI_BRIDGE_MEMORY, (u32)(base >> 16) | (u32)(last & 0xfff00000));
    log_info(LOG_PCI, pci_name(bridge), "memory window 0x%llx to 0x%llx opened",
             (unsigned long long)base, (unsigned long long)last);
    return true;
}

/* A BAR that decodes nothing is in nobody's way. Sizing one takes up to 24 accesses, each of them
 * an exit to the host. */
static void size_those_that_decode(void)
{
    struct pci_device *device;
    for (unsigned i = 0; (device = pci_table_at(i)) != NULL; i++) {
        if (device->present && !device->bars_sized &&
            (pci_read16(device, PCI_COMMAND) & PCI_COMMAND_MEMORY) != 0)
            pci_size_bars(device);
    }
}

/* From the outermost bridge inwards: an inner window lies in the outer one. */
static bool open_windows(const struct pci_bus *bus)
{
    bool opened = false;
    const struct pci_bus *done = NULL;
    while (done != bus) {
        const struct pci_bus *outer = bus;
        while (outer->parent != done && outer->parent->bridge)
            outer = outer->parent;
        opened = open_window(outer);
        done = outer;
    }
    return opened;
}

/* ---- one BAR ---- */

/*
 * A free address for a BAR of `device`, inside the windows of its bus. Opens the windows of bridges
 * above it where they are closed. 0 if there is no room. Nothing is written to the device.
 */
static u64 find_space(struct pci_device *device, const struct pci_bar *bar)
{
    const struct pci_bus *bus = device->bus;
    struct request request = {.bytes = occupied_bytes(bar),
                              .alignment = occupied_bytes(bar),
                              .prefetchable = bar->prefetchable,
                              .above_4g = bar->is_64bit};
    size_those_that_decode();
    u64 base = search_bus(bus, &request);
    if (base == 0 && bus->bridge && open_windows(bus))
        base = search_bus(bus, &request);
    return base;
}

/* Of two functions in use that overlap, the first one keeps its address. */
static bool is_taken(const struct pci_device *device, unsigned index)
{
    const struct pci_bar *bar = &device->bars[index];
    struct pci_device *other;
    for (unsigned i = 0; (other = pci_table_at(i)) != NULL; i++) {
        if (other->present && other->bars_known && other != device &&
            bar_conflict(other, PCI_BARS, bar->base, bar->bytes))
            return true;
    }
    return bar_conflict(device, index, bar->base, bar->bytes) != 0;
}

/*
 * Whether the address that a memory BAR has works: within the processor's
 * reach and the windows above it, and not where RAM, ECAM, another BAR of its
 * own or one of a function in use is.
 */
static bool address_is_good(const struct pci_device *device, unsigned index)
{
    const struct pci_bar *bar = &device->bars[index];
    u64 limit = platform_paddr_limit();
    return bar->base < limit && bar->bytes <= limit - bar->base &&
           boot_conflict(bar->base, bar->bytes, true) == 0 &&
           ecam_conflict(bar->base, bar->bytes) == 0 &&
           bus_reaches(device->bus, bar->base, bar->base + bar->bytes - 1) &&
           !is_taken(device, index);
}

static bool has_usable_address(const struct pci_device *device, unsigned index)
{
    const struct pci_bar *bar = &device->bars[index];
    if (bar->base == 0)
        return false;
    if (address_is_good(device, index))
        return true;
    log_warning(LOG_PCI, pci_name(device),
                "BAR %u of 0x%llx bytes cannot be at 0x%llx: it is moved", index,
                (unsigned long long)bar->bytes, (unsigned long long)bar->base);
    return false;
}

static void place_bar(struct pci_device *device, unsigned index)
{
    struct pci_bar *bar = &device->bars[index];
    u16 offset = (u16)(PCI_BAR0 + 4 * index);
    bar->base = 0; /* the search may use its old address */
    bar->base = find_space(device, bar);
    if (bar->base == 0)
        return;
    pci_write32(device, offset, (u32)bar->base);
    if (bar->is_64bit)
        pci_write32(device, (u16)(offset + 4), (u32)(bar->base >> 32));
    log_debug(LOG_PCI, pci_name(device), "BAR %u placed at 0x%llx, 0x%llx bytes", index,
              (unsigned long long)bar->base, (unsigned long long)bar->bytes);
}

void pci_place_bars(struct pci_device *device)
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        if (device->bars[i].kind != PCI_BAR_MEMORY || has_usable_address(device, i))
            continue;
        u16 command = pci_stop_decoding(device);
        place_bar(device, i);
        pci_restore_decoding(device, command);
    }
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_pci_random.h. */
#include "tests/fakes/fake_pci_random.h"

#include "tests/unit/unit.h"

#include "extras/msix/msix.h"
#include "extras/pci_hotplug/pci_hotplug.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/fakes/fake_pci.h"
#include "tests/fakes/fake_platform.h"

#define BRIDGES_MAX   12
#define FUNCTIONS_MAX 40

static struct fake_pci_function *functions[FUNCTIONS_MAX];
static unsigned nr_functions;
static struct fake_pci_bus *root;
static struct fake_pci_bus *buses[BRIDGES_MAX + 1];
static unsigned nr_buses;
static bool is_flaky; /* functions vanish, bus numbers keep some bits: what is found may differ */

static u32 (*draw)(unsigned bytes);

static u32 any(void)
{
    return draw(4);
}

static u32 below(u32 limit)
{
    return (limit <= 256 ? draw(1) : draw(4)) % limit;
}

static bool one_in(u32 n)
{
    return below(n) == 0;
}

/* ---- a tree ---- */

static bool is_taken(const struct fake_pci_bus *bus, u8 device)
{
    for (const struct fake_pci_function *found = bus->functions; found; found = found->next) {
        if (found->device == device)
            return true;
    }
    return false;
}

static void add_random_bar(struct fake_pci_function *function, unsigned index)
{
    static const u32 flags[] = {0, PCI_BAR_IS_PREFETCHABLE, PCI_BAR_TYPE_64BIT,
                                PCI_BAR_TYPE_64BIT | PCI_BAR_IS_PREFETCHABLE, PCI_BAR_IS_IO};
    u32 flag = flags[below(ARRAY_SIZE(flags))];
    if (flag & PCI_BAR_IS_IO) {
        fake_pci_add_bar(function, index, flag, (u64)4 << below(7), 0, NULL, NULL);
        return;
    }
    u64 bytes = (u64)16 << below(24);
    u64 base = 0;
    if (one_in(2)) /* an address, good or not */
        base =
            align_down(one_in(2) ? 0xd0000000 + below(64) * MIB : (u64)any() << below(12), bytes);
    if (!(flag & PCI_BAR_TYPE_64BIT))
        base &= 0xffffffff;
    fake_pci_add_bar(function, index, flag, bytes, base, NULL, NULL);
}

/* Any bytes where capabilities are, and a pointer to somewhere in them. */
static void add_random_capabilities(struct fake_pci_function *function)
{
    for (unsigned i = 0x40; i < 0x100; i++)
        function->config[i] = one_in(2) ? (u8)any() : (u8)(0x40 + 4 * below(48));
    function->config[PCI_CAPABILITIES] = (u8)any();
    function->config[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
}

static void add_random_bridge(void)
{
    struct fake_pci_bus *parent = buses[below(nr_buses)];
    u8 device = (u8)below(32);
    if (is_taken(parent, device))
        return;
    u8 secondary = one_in(2) ? 0 : (u8)below(one_in(4) ? 256 : 16);
    u8 subordinate = one_in(8) ? (u8)any() : secondary;
    struct fake_pci_bus *bus = fake_pci_add_bridge(parent, device, secondary, subordinate);
    if (one_in(3))
        fake_pci_set_window(bus, (u64)any() & 0xfff00000, (u64)any() | 0xfffff);
    if (one_in(6))
        fake_pci_set_prefetch_window(bus, FAKE_PCI_HIGH_BASE + below(64) * GIB,
                                     FAKE_PCI_HIGH_BASE + below(64) * GIB - 1);
    if (one_in(16)) { /* numbers that cannot be written */
        memset(&bus->bridge->writable[PCI_BRIDGE_BUSES], is_flaky ? (u8)any() : 0, 4);
        if (!is_flaky)
            fake_pci_set(bus->bridge, PCI_BRIDGE_BUSES, 4, 0);
    }
    if (one_in(3))
        add_random_capabilities(bus->bridge);
    buses[nr_buses++] = bus;
}

static void add_random_function(void)
{
    struct fake_pci_bus *bus = buses[below(nr_buses)];
    u8 device = (u8)below(32);
    if (is_taken(bus, device))
        return;
    struct fake_pci_function *function = fake_pci_add(bus, device, 0, 0x1af4, (u16)nr_functions);
    functions[nr_functions++] = function;
    for (unsigned i = 0; i < 5; i += 2) {
        if (!one_in(3))
            add_random_bar(function, i);
    }
    if (one_in(2))
        add_random_capabilities(function);
    if (is_flaky && one_in(8))
        function->vanishes_after = below(200);
    if (one_in(16))
        fake_pci_set(function, PCI_INTERRUPT_LINE, 4, any());
}

static void build_tree(void)
{
    is_flaky = one_in(4);
    nr_functions = 0;
    buses[0] = root;
    nr_buses = 1;
    for (u32 n = below(BRIDGES_MAX); n > 0; n--)
        add_random_bridge();
    for (u32 n = below(FUNCTIONS_MAX); n > 0; n--)
        add_random_function();
}

/* ---- what must hold ---- */

#define must(condition, ...)                   \
    do {                                       \
        if (!(condition)) {                    \
            print_error("%s", fake_console()); \
            fail_msg(__VA_ARGS__);             \
        }                                      \
    } while (0)

static void check_bus_numbers(void)
{
    bool used[256] = {true};
    struct pci_device *bridge;
    for (unsigned i = 0; (bridge = pci_device_at(i)) != NULL; i++) {
        if (!bridge->behind)
            continue;
        u8 secondary = pci_read8(bridge, PCI_BRIDGE_BUSES + 1);
        u8 subordinate = pci_read8(bridge, PCI_BRIDGE_BUSES + 2);
        must(!used[secondary], "bus 0x%02x is there twice", secondary);
        used[secondary] = true;
        must(bridge->address.bus < secondary && secondary <= subordinate, "0x%02x to 0x%02x",
             secondary, subordinate);
        struct pci_device *inner;
        for (unsigned j = 0; (inner = pci_device_at(j)) != NULL; j++) {
            if (inner->behind && inner->address.bus == secondary)
                must(pci_read8(inner, PCI_BRIDGE_BUSES + 2) <= subordinate,
                     "bus 0x%02x does not contain those behind it", secondary);
        }
    }
}

struct placed {
    u64 base;
    u64 bytes;
};

/* Functions are told apart by their device ID, which is their place in functions[]. */
static void check_bars(void)
{
    static struct placed all[FUNCTIONS_MAX * PCI_BARS];
    unsigned nr_placed = 0;
    struct pci_device *device;
    for (unsigned i = 0; (device = pci_device_at(i)) != NULL; i++) {
        if (device->vendor_id != 0x1af4)
            continue;
        const struct fake_pci_function *fake = functions[device->device_id];
        pci_claim_bars(device);
        fake_pci_switch_on(device);
        for (unsigned j = 0; j < PCI_BARS; j++) {
            struct placed bar = {device->bars[j].base, device->bars[j].bytes};
            if (device->bars[j].kind != PCI_BAR_MEMORY || bar.base == 0 || is_flaky)
                continue;
            must(bar.bytes == fake->bars[j].bytes, "BAR %u has 0x%llx bytes", j,
                 (unsigned long long)bar.bytes);
            must(fake_pci_decodes(fake, j) == bar.base, "BAR %u of bus 0x%02x is not at 0x%llx", j,
                 device->address.bus, (unsigned long long)bar.base);
            must(!ranges_overlap(bar.base, bar.bytes, FAKE_RAM_BASE, 64 * MIB), "BAR over RAM");
            for (unsigned k = 0; k < nr_placed; k++)
                must(!ranges_overlap(bar.base, bar.bytes, all[k].base, all[k].bytes),
                     "two BARs at 0x%llx", (unsigned long long)bar.base);
            all[nr_placed++] = bar;
        }
    }
}

static void check_capabilities(void)
{
    static const u8 ids[] = {PCI_CAP_VENDOR, PCI_CAP_EXPRESS, PCI_CAP_MSIX};
    struct pci_device *device;
    for (unsigned i = 0; (device = pci_device_at(i)) != NULL; i++) {
        for (unsigned j = 0; j < ARRAY_SIZE(ids); j++) {
            unsigned nr_found = 0;
            for (u8 at = 0; (at = pci_find_capability(device, ids[j], at)) != 0; nr_found++) {
                must(at >= PCI_CAPABILITY_FIRST && at % 4 == 0, "a capability at 0x%02x", at);
                must(nr_found < 48, "the walk does not end");
            }
        }
        struct pci_msix msix;
        int status = pci_msix_init(&msix, device);
        must(status == OK || status == E_NODEV || status == E_RANGE, "MSI-X says %d", status);
    }
}

static void check_hotplug(void)
{
    (void)!pci_hotplug_init();
    for (unsigned i = 0; i < 30; i++) {
        fake_advance_ms(PCI_HOTPLUG_POLL_MS);
        (void)!pci_hotplug_poll(platform_now_ms());
    }
}

void fake_pci_random_tree(const struct boot_info *boot, u32 (*source)(unsigned bytes))
{
    draw = source;
    root = fake_pci_start();
    fake_pci_add(root, 0, 0, 0x8086, 0x1237);
    build_tree();
    pci_init(boot);
    int nr_found = pci_scan();
    must(nr_found > 0, "the scan says %d", nr_found);
    must(pci_scan() == nr_found || is_flaky, "a second scan finds another number");
    check_bus_numbers();
    check_bars();
    must(pci_scan() == nr_found || is_flaky, "a scan after use finds another number");
    check_capabilities();
    check_hotplug();
    must(fake_pci_nr_config_accesses() < 200000, "%u config accesses",
         fake_pci_nr_config_accesses());
    fake_pci_stop();
}

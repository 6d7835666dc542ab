/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_pci.h. */
#include "tests/fakes/fake_pci.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "extras/pci_fixup/bridge_spec.h"
#include "include/units.h"

#define ECAM_WINDOWS_MAX 8

static struct fake_pci_bus *roots;
static struct platform_ecam ecam_windows[ECAM_WINDOWS_MAX];
static unsigned nr_ecam_windows;
static u32 port_address;
static bool ports_answer;
static unsigned nr_config_accesses;

/* ---- config space of one function ---- */

u32 fake_pci_get(const struct fake_pci_function *function, u16 offset, unsigned bytes)
{
    u32 value = 0;
    memcpy(&value, &function->config[offset], bytes);
    return value;
}

void fake_pci_set(struct fake_pci_function *function, u16 offset, unsigned bytes, u32 value)
{
    memcpy(&function->config[offset], &value, bytes);
}

static bool is_there(struct fake_pci_function *function)
{
    if (function->vanishes_after == 0)
        function->present = false;
    else if (function->vanishes_after > 0)
        function->vanishes_after--;
    return function->present;
}

static u32 all_ones(unsigned bytes)
{
    return 0xffffffffu >> (32 - 8 * bytes);
}

static u32 read_function(struct fake_pci_function *function, u16 offset, unsigned bytes)
{
    nr_config_accesses++;
    if (!function || !is_there(function))
        return all_ones(bytes);
    function->nr_accesses++;
    return fake_pci_get(function, offset, bytes);
}

static void write_function(struct fake_pci_function *function, u16 offset, unsigned bytes,
                           u32 value)
{
    nr_config_accesses++;
    if (!function || !is_there(function))
        return;
    function->nr_accesses++;
    unsigned bar_end = function->secondary ? 0x18 : 0x28;
    if (offset >= PCI_BAR0 && offset < bar_end) {
        function->nr_bar_writes++;
        if (fake_pci_get(function, PCI_COMMAND, 2) & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY))
            fail_msg("BAR at 0x%x of device %u written while it decodes", offset, function->device);
    }
    for (unsigned i = 0; i < bytes; i++) {
        u8 mask = function->writable[offset + i];
        u8 new = (u8)(value >> (8 * i));
        u8 cleared = new & function->cleared[offset + i];
        u8 kept = function->config[offset + i] & (u8) ~(mask | cleared);
        function->config[offset + i] = (u8)(kept | (new &mask));
    }
    if (function->written)
        function->written(function, offset);
}

/* ---- routing ---- */

static struct fake_pci_function *find_on(const struct fake_pci_bus *bus, u8 device, u8 function)
{
    struct fake_pci_function *found = bus->functions;
    while (found && (!found->present || found->device != device || found->function != function))
        found = found->next;
    return found;
}

static const struct fake_pci_bus *route(const struct fake_pci_bus *bus, u8 number, u8 wanted)
{
    if (number == wanted)
        return bus;
    for (const struct fake_pci_function *bridge = bus->functions; bridge; bridge = bridge->next) {
        u8 secondary = bridge->config[PCI_BRIDGE_BUSES + 1];
        u8 subordinate = bridge->config[PCI_BRIDGE_BUSES + 2];
        if (bridge->present && bridge->secondary && secondary <= wanted && wanted <= subordinate)
            return route(bridge->secondary, secondary, wanted);
    }
    return NULL;
}

static struct fake_pci_function *find(struct pci_address address)
{
    for (const struct fake_pci_bus *root = roots; root; root = root->next_root) {
        if (root->segment != address.segment || root->number > address.bus)
            continue;
        const struct fake_pci_bus *bus = route(root, root->number, address.bus);
        if (bus)
            return find_on(bus, address.device, address.function);
    }
    return NULL;
}

static void check_access(u16 offset, unsigned bytes)
{
    if (offset % bytes != 0)
        fail_msg("config access of %u bytes at 0x%x is not aligned", bytes, offset);
}

/* ---- front ends ---- */

static struct pci_address selected(u16 *offset, u64 port)
{
    *offset = (u16)((port_address & 0xfc) + (port - 4));
    return (struct pci_address){0, (u8)(port_address >> 16), (u8)(port_address >> 11 & 31),
                                (u8)(port_address >> 8 & 7)};
}

static u32 port_read(void *context, u64 port, unsigned bytes)
{
    (void)context;
    if (!ports_answer)
        return all_ones(bytes);
    if (port < 4)
        return port_address;
    u16 offset;
    struct pci_address address = selected(&offset, port);
    check_access(offset, bytes);
    return port_address >> 31 ? read_function(find(address), offset, bytes) : all_ones(bytes);
}

static void port_write(void *context, u64 port, unsigned bytes, u32 value)
{
    (void)context;
    if (port == 0 && bytes == 4) {
        port_address = value;
        return;
    }
    assert_true(port >= 4);
    u16 offset;
    struct pci_address address = selected(&offset, port);
    check_access(offset, bytes);
    if (ports_answer && port_address >> 31)
        write_function(find(address), offset, bytes, value);
}

static const struct fake_registers port_registers = {port_read, port_write};

static struct pci_address ecam_address(const struct platform_ecam *window, u64 offset)
{
    return (struct pci_address){window->segment, (u8)(window->first_bus + (offset >> 20)),
                                (u8)(offset >> 15 & 31), (u8)(offset >> 12 & 7)};
}

static u32 ecam_read(void *context, u64 offset, unsigned bytes)
{
    check_access((u16)(offset & 0xfff), bytes);
    return read_function(find(ecam_address(context, offset)), (u16)(offset & 0xfff), bytes);
}

static void ecam_write(void *context, u64 offset, unsigned bytes, u32 value)
{
    check_access((u16)(offset & 0xfff), bytes);
    write_function(find(ecam_address(context, offset)), (u16)(offset & 0xfff), bytes, value);
}

static const struct fake_registers ecam_registers = {ecam_read, ecam_write};

/* ---- memory ---- */

static u64 bar_base(const struct fake_pci_function *function, unsigned index)
{
    u32 low = fake_pci_get(function, (u16)(PCI_BAR0 + 4 * index), 4);
    u64 base = low & PCI_BAR_MEMORY_MASK;
    if ((low & PCI_BAR_TYPE_MASK) == PCI_BAR_TYPE_64BIT)
        base |= (u64)fake_pci_get(function, (u16)(PCI_BAR0 + 4 * index + 4), 4) << 32;
    return base;
}

static bool window_passes(const struct fake_pci_function *bridge, u64 first, u64 last)
{
    u32 memory = fake_pci_get(bridge, PCI_BRIDGE_MEMORY, 4);
    u32 prefetch = fake_pci_get(bridge, PCI_BRIDGE_PREFETCH, 4);
    u64 high_base = (u64)fake_pci_get(bridge, PCI_BRIDGE_PREFETCH_BASE_HI, 4) << 32;
    u64 high_limit = (u64)fake_pci_get(bridge, PCI_BRIDGE_PREFETCH_LIMIT_HI, 4) << 32;
    bool by_memory = first >= (u64)(memory & 0xfff0) << 16 && last <= (memory | 0xfffffu);
    bool by_prefetch = first >= ((u64)(prefetch & 0xfff0) << 16 | high_base) &&
                       last <= (((u64)prefetch | 0xfffffu) | high_limit);
    return (fake_pci_get(bridge, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY) &&
           (by_memory || by_prefetch);
}

u64 fake_pci_decodes(const struct fake_pci_function *function, unsigned index)
{
    u64 base = bar_base(function, index);
    u64 last = base + function->bars[index].bytes - 1;
    if (!function->present || function->bars[index].bytes == 0 || base == 0 ||
        !(fake_pci_get(function, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY))
        return 0;
    for (const struct fake_pci_bus *bus = function->bus; bus->bridge; bus = bus->bridge->bus) {
        if (!window_passes(bus->bridge, base, last))
            return 0;
    }
    return base;
}

/* The BAR at or behind a bus that decodes an address; *offset is where in it. */
static const struct fake_pci_bar *decode_bus(const struct fake_pci_bus *bus, u64 address,
                                             u64 *offset)
{
    for (const struct fake_pci_function *found = bus->functions; found; found = found->next) {
        for (unsigned i = 0; i < PCI_BARS; i++) {
            u64 base = fake_pci_decodes(found, i);
            if (base && base <= address && address - base < found->bars[i].bytes) {
                *offset = address - base;
                return &found->bars[i];
            }
        }
        const struct fake_pci_bar *bar =
            found->secondary ? decode_bus(found->secondary, address, offset) : NULL;
        if (bar)
            return bar;
    }
    return NULL;
}

static const struct fake_pci_bar *decode(u64 address, u64 *offset)
{
    const struct fake_pci_bar *bar = NULL;
    for (const struct fake_pci_bus *root = roots; root && !bar; root = root->next_root)
        bar = decode_bus(root, address, offset);
    if (!bar)
        fail_msg("no BAR decodes 0x%" PRIx64, address);
    return bar;
}

static u32 memory_read(void *context, u64 offset, unsigned bytes)
{
    u64 within;
    const struct fake_pci_bar *bar = decode(*(const u64 *)context + offset, &within);
    return bar->registers ? bar->registers->read(bar->context, within, bytes) : 0;
}

static void memory_write(void *context, u64 offset, unsigned bytes, u32 value)
{
    u64 within;
    const struct fake_pci_bar *bar = decode(*(const u64 *)context + offset, &within);
    if (bar->registers)
        bar->registers->write(bar->context, within, bytes, value);
}

static const struct fake_registers memory_registers = {memory_read, memory_write};

/* ---- building ---- */

struct fake_pci_bus *fake_pci_start(void)
{
    static u64 low_base = FAKE_PCI_MEMORY_BASE;
    static u64 high_base = FAKE_PCI_HIGH_BASE;
    fake_mmio_reset();
    roots = NULL;
    nr_ecam_windows = 0;
    nr_config_accesses = 0;
    ports_answer = true;
    fake_port_claim(0xcf8, 8, &port_registers, NULL);
    fake_mmio_claim(FAKE_PCI_MEMORY_BASE, FAKE_PCI_MEMORY_END - FAKE_PCI_MEMORY_BASE,
                    &memory_registers, &low_base);
    fake_mmio_claim(FAKE_PCI_HIGH_BASE, FAKE_PCI_HIGH_BYTES, &memory_registers, &high_base);
    return fake_pci_add_root(0, 0);
}

static void free_bus(struct fake_pci_bus *bus)
{
    while (bus->functions) {
        struct fake_pci_function *function = bus->functions;
        bus->functions = function->next;
        if (function->secondary)
            free_bus(function->secondary);
        free(function);
    }
    free(bus);
}

void fake_pci_stop(void)
{
    while (roots) {
        struct fake_pci_bus *root = roots;
        roots = root->next_root;
        free_bus(root);
    }
    fake_mmio_reset();
}

void fake_pci_without_ports(void)
{
    ports_answer = false;
}

void fake_pci_add_ecam(struct platform_ecam window)
{
    assert_true(nr_ecam_windows < ECAM_WINDOWS_MAX);
    struct platform_ecam *kept = &ecam_windows[nr_ecam_windows++];
    *kept = window;
    fake_mmio_claim(window.base, ((u64)window.last_bus - window.first_bus + 1) * MIB,
                    &ecam_registers, kept);
}

static void *allocate(size_t bytes)
{
    void *memory = calloc(1, bytes);
    assert_non_null(memory);
    return memory;
}

struct fake_pci_bus *fake_pci_add_root(u16 segment, u8 number)
{
    struct fake_pci_bus *root = allocate(sizeof(*root));
    root->segment = segment;
    root->number = number;
    root->next_root = roots;
    roots = root;
    return root;
}

struct fake_pci_function *fake_pci_add(struct fake_pci_bus *bus, u8 device, u8 function,
                                       u16 vendor_id, u16 device_id)
{
    struct fake_pci_function *added = allocate(sizeof(*added));
    added->device = device;
    added->function = function;
    added->present = true;
    added->vanishes_after = -1;
    added->bus = bus;
    added->next = bus->functions;
    bus->functions = added;
    fake_pci_set(added, PCI_VENDOR_ID, 2, vendor_id);
    fake_pci_set(added, PCI_VENDOR_ID + 2, 2, device_id);
    fake_pci_set(added, PCI_INTERRUPT_LINE, 1, 0xff);
    added->writable[PCI_COMMAND] = 0x07;
    added->writable[PCI_COMMAND + 1] = 0x05;
    added->writable[PCI_INTERRUPT_LINE] = 0xff;
    struct fake_pci_function *first = find_on(bus, device, 0);
    if (function != 0 && first)
        first->config[PCI_CACHE_LINE_SIZE + 2] |= PCI_HEADER_MULTI_FUNCTION;
    return added;
}

struct fake_pci_bus *fake_pci_add_bridge(struct fake_pci_bus *bus, u8 device, u8 secondary,
                                         u8 subordinate)
{
    struct fake_pci_function *bridge = fake_pci_add(bus, device, 0, 0x1b36, 0x0001);
    fake_pci_set(bridge, PCI_CLASS_REVISION, 4, 0x06040000);
    bridge->config[PCI_CACHE_LINE_SIZE + 2] |= PCI_HEADER_BRIDGE;
    bridge->config[PCI_BRIDGE_BUSES + 1] = secondary;
    bridge->config[PCI_BRIDGE_BUSES + 2] = subordinate;
    fake_pci_set(bridge, PCI_BRIDGE_PREFETCH, 4, 0x00010001);
    memset(&bridge->writable[PCI_BRIDGE_BUSES], 0xff, 4);
    for (u16 i = PCI_BRIDGE_MEMORY; i < PCI_BRIDGE_PREFETCH + 4; i += 2) {
        bridge->writable[i] = 0xf0;
        bridge->writable[i + 1] = 0xff;
    }
    memset(&bridge->writable[PCI_BRIDGE_PREFETCH_BASE_HI], 0xff, 8);
    bridge->secondary = allocate(sizeof(*bridge->secondary));
    bridge->secondary->bridge = bridge;
    return bridge->secondary;
}

void fake_pci_set_window(struct fake_pci_bus *secondary, u64 first, u64 last)
{
    fake_pci_set(secondary->bridge, PCI_BRIDGE_MEMORY, 4,
                 (u32)(first >> 16) | (u32)(last & 0xfff00000));
}

void fake_pci_set_prefetch_window(struct fake_pci_bus *secondary, u64 first, u64 last)
{
    fake_pci_set(secondary->bridge, PCI_BRIDGE_PREFETCH, 4,
                 (u32)(first >> 16 & 0xfff0) | (u32)(last & 0xfff00000) | 0x00010001);
    fake_pci_set(secondary->bridge, PCI_BRIDGE_PREFETCH_BASE_HI, 4, (u32)(first >> 32));
    fake_pci_set(secondary->bridge, PCI_BRIDGE_PREFETCH_LIMIT_HI, 4, (u32)(last >> 32));
}

void fake_pci_add_bar(struct fake_pci_function *function, unsigned index, u32 flags, u64 bytes,
                      u64 base, const struct fake_registers *registers, void *context)
{
    u16 offset = (u16)(PCI_BAR0 + 4 * index);
    u64 mask = bytes ? ~(bytes - 1) : 0;
    bool is_64bit = !(flags & PCI_BAR_IS_IO) && (flags & PCI_BAR_TYPE_MASK) == PCI_BAR_TYPE_64BIT;
    function->bars[index] = (struct fake_pci_bar){bytes, registers, context};
    fake_pci_set(function, offset, 4, (u32)base | flags);
    u32 low_mask = (u32)mask & (flags & PCI_BAR_IS_IO ? PCI_BAR_IO_MASK : PCI_BAR_MEMORY_MASK);
    memcpy(&function->writable[offset], &low_mask, 4);
    if (is_64bit && index + 1 < PCI_BARS) {
        u32 high_mask = (u32)(mask >> 32);
        fake_pci_set(function, (u16)(offset + 4), 4, (u32)(base >> 32));
        memcpy(&function->writable[offset + 4], &high_mask, 4);
    }
}

void fake_pci_add_capability(struct fake_pci_function *function, u8 offset, u8 id)
{
    u16 link = function->last_capability ? function->last_capability + 1u : PCI_CAPABILITIES;
    function->config[link] = offset;
    function->config[offset] = id;
    function->config[offset + 1] = 0;
    function->config[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
    function->last_capability = offset;
}

void fake_pci_switch_on(const struct pci_device *device)
{
    pci_open_bridges(device);
    pci_write16(device, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

void fake_pci_remove(struct fake_pci_function *function)
{
    function->present = false; /* what is behind it can no longer be routed to */
}

unsigned fake_pci_nr_config_accesses(void)
{
    return nr_config_accesses;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI's fixed hardware: the power button, events of PCI hotplug, and sleep states.
 *
 * No AML is interpreted. The objects that are needed from the DSDT, _S5_ and _S3_, are found by
 * their bytes. General event 1 means PCI hotplug on QEMU's machines; where it means something else,
 * a rescan finds nothing new. The interrupt records what happened, and the kernel's loop takes it.
 */
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/arch.h"
#include "arch/x86_64/paging.h"
#include "asm/cpu.h"
#include "asm/io.h"
#include "extras/power/power.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "lib/string.h"

#define FADT_DSDT            40
#define FADT_SCI_LINE        46
#define FADT_SMI_COMMAND     48
#define FADT_ACPI_ENABLE     52
#define FADT_PM1A_EVENT      56
#define FADT_PM1A_CONTROL    64
#define FADT_PM1B_CONTROL    68
#define FADT_PM_TIMER        76
#define FADT_GPE0            80
#define FADT_PM1_EVENT_BYTES 88
#define FADT_GPE0_BYTES      92
#define FADT_BYTES           116 /* of ACPI 1.0 */

#define POWER_BUTTON    (1 << 8) /* in the PM1 status and enable registers */
#define WAKE_STATUS     (1 << 15)
#define SCI_ENABLED     (1 << 0) /* in the PM1 control register */
#define SLEEP_SHIFT     10
#define SLEEP_NOW       (1 << 13)
#define GPE_PCI_HOTPLUG (1 << 1)

#define PORT_READS_MAX   100000 /* some 100 ms: how long firmware's change of mode may take */
#define NR_GPE_BYTES_MAX 32
#define DSDT_BYTES_MAX   MIB /* of a longer one nothing is read */

#define PM_TIMER_HZ     3579545
#define PM_TIMER_MASK   0xffffff
#define PM_TIMER_STEPS  ((u64)ACPI_STATE_SECONDS * PM_TIMER_HZ)
#define STILL_READS_MAX 10000000 /* of a timer that does not run, or is absent: at least 20 s */
#define RELAXES_A_READ  64       /* a read takes a lock that the host needs */

/* I/O ports; 0 where the machine has none. The second half of a block are its enable bits. */
static u16 event_port;
static u16 event_enable_port;
static u16 gpe_port;
static u16 gpe_enable_port;
static u16 control_ports[2];
static u16 timer_port;
static bool can_power_off;
static const u8 *fixed_table; /* FADT; NULL: its hardware is not used */

static volatile u32 events; /* ACPI_EVENT_*: set by the interrupt, taken by the loop */

static u16 read16(const u8 *bytes)
{
    u16 value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

static u32 read32(const u8 *bytes)
{
    u32 value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

/* ---- the interrupt ---- */

static void note(void *context)
{
    (void)context;
    u16 happened = io_read16(event_port);

    if ((happened & POWER_BUTTON) != 0)
        __atomic_fetch_or(&events, ACPI_EVENT_POWER_BUTTON, __ATOMIC_RELAXED);
    if (happened != 0)
        io_write16(event_port, happened); /* a one clears its bit */
    if (gpe_port == 0)
        return;
    u8 general = io_read8(gpe_port);
    if ((general & GPE_PCI_HOTPLUG) != 0)
        __atomic_fetch_or(&events, ACPI_EVENT_PCI_HOTPLUG, __ATOMIC_RELAXED);
    if (general != 0)
        io_write8(gpe_port, general);
}

u32 acpi_take_events(void)
{
    return __atomic_exchange_n(&events, 0, __ATOMIC_RELAXED);
}

bool acpi_events_pending(void)
{
    return events != 0;
}

/* Only known events may interrupt: one that nobody clears would hold the line. */
static void enable_events(void)
{
    io_write16(event_enable_port, POWER_BUTTON);
    for (u16 i = 0; gpe_port != 0 && i < gpe_enable_port - gpe_port; i++)
        io_write8((u16)(gpe_enable_port + i), i == 0 ? GPE_PCI_HOTPLUG : 0);
}

/* ---- the tables ---- */

/* One element of a package: a byte, or an operator that stands for 0 or 1. */
static const u8 *read_element(const u8 *aml, const u8 *end, u16 *value)
{
    enum { ZERO = 0x00, ONE = 0x01, BYTE_PREFIX = 0x0a };

    if (aml < end && (*aml == ZERO || *aml == ONE)) {
        *value = *aml;
        return aml + 1;
    }
    if (end - aml >= 2 && *aml == BYTE_PREFIX) {
        *value = aml[1];
        return aml + 2;
    }
    return NULL;
}

bool acpi_find_sleep_types(const u8 *aml, u32 bytes, const char *state, u16 types[2])
{
    enum { NAME = 0x08, ROOT = '\\', PACKAGE = 0x12 };
    const u8 *end = aml + bytes;

    for (const u8 *name = aml + 2; name + 8 < end; name++) {
        if (name[4] != PACKAGE || memcmp(name, state, 4) != 0 ||
            (name[-1] != NAME && (name[-1] != ROOT || name[-2] != NAME)))
            continue;
        const u8 *element = name + 5;
        element += 1 + (*element >> 6); /* the package's length, of 1 to 4 bytes */
        element = read_element(element + 1, end, &types[0]);
        if (element != NULL && read_element(element, end, &types[1]) != NULL)
            return true;
    }
    return false;
}

bool acpi_find_sleep_state(const char *state, u16 types[2])
{
    u32 bytes;
    const u8 *dsdt =
        fixed_table == NULL ? NULL : acpi_open_table(read32(fixed_table + FADT_DSDT), &bytes);

    return dsdt != NULL && acpi_find_sleep_types(dsdt, bytes, state, types);
}

/* So that acpi_power_off() needs no memory for page tables, whatever has happened. */
static void map_dsdt(void)
{
    paddr_t dsdt = read32(fixed_table + FADT_DSDT);
    const struct acpi_header *header = phys_to_virt(dsdt);

    if (dsdt == 0 || paging_map_firmware(dsdt, sizeof(*header)) != OK ||
        paging_map_firmware(dsdt, min_u64(header->length, DSDT_BYTES_MAX)) != OK)
        log_warning(LOG_ARCH, "acpi", "the DSDT at 0x%llx cannot be mapped: no power off",
                    (unsigned long long)dsdt);
}

/* Firmware may still handle the events itself. */
static bool enter_acpi_mode(const u8 *fadt)
{
    u32 command_port = read32(fadt + FADT_SMI_COMMAND);

    if ((io_read16(control_ports[0]) & SCI_ENABLED) != 0)
        return true;
    if (command_port == 0 || command_port > 0xffff)
        return false;
    io_write8((u16)command_port, fadt[FADT_ACPI_ENABLE]);
    for (unsigned i = 0; i < PORT_READS_MAX; i++)
        if ((io_read16(control_ports[0]) & SCI_ENABLED) != 0)
            return true;
    return false;
}

static u16 port_at(const u8 *field)
{
    u32 port = read32(field);

    return port < 0xffff ? (u16)port : 0;
}

void acpi_power_init(void)
{
    u32 bytes;
    const u8 *fadt = acpi_find_table("FACP", &bytes);

    if (fadt == NULL || bytes < FADT_BYTES)
        return;
    event_port = port_at(fadt + FADT_PM1A_EVENT);
    control_ports[0] = port_at(fadt + FADT_PM1A_CONTROL);
    control_ports[1] = port_at(fadt + FADT_PM1B_CONTROL);
    timer_port = port_at(fadt + FADT_PM_TIMER);
    if (event_port == 0 || control_ports[0] == 0 || !enter_acpi_mode(fadt)) {
        log_info(LOG_ARCH, "acpi", "no fixed hardware to use: no power button");
        return;
    }
    event_enable_port = (u16)(event_port + fadt[FADT_PM1_EVENT_BYTES] / 2);
    if (fadt[FADT_GPE0_BYTES] >= 2 && fadt[FADT_GPE0_BYTES] <= NR_GPE_BYTES_MAX) {
        gpe_port = port_at(fadt + FADT_GPE0);
        gpe_enable_port = (u16)(gpe_port + fadt[FADT_GPE0_BYTES] / 2);
    }
    fixed_table = fadt;
    map_dsdt();
    can_power_off = true;
    note(NULL);
    acpi_take_events();
    if (platform_irq_attach_line(read16(fadt + FADT_SCI_LINE), note, NULL) == OK)
        enable_events();
    else
        log_warning(LOG_ARCH, "acpi", "line %u cannot be used; the power button is not heard",
                    read16(fadt + FADT_SCI_LINE));
}

void acpi_resume(void)
{
    if (fixed_table == NULL || !enter_acpi_mode(fixed_table))
        return;
    /* The wake-up is no event, though QEMU reports one of the power button. */
    io_write16(event_port, WAKE_STATUS | POWER_BUTTON);
    enable_events();
}

/* Returns only when all the time has passed. */
static void wait_for_state(void)
{
    u16 port = timer_port != 0 ? timer_port : control_ports[0];
    u32 last = io_read32(port) & PM_TIMER_MASK;
    u64 steps = 0;

    for (u32 still = 0; steps < PM_TIMER_STEPS && still < STILL_READS_MAX; still++) {
        for (unsigned i = 0; i < RELAXES_A_READ; i++)
            cpu_relax();
        u32 now = io_read32(port) & PM_TIMER_MASK;
        if (now != last)
            still = 0;
        steps += (now - last) & PM_TIMER_MASK;
        last = now;
    }
}

void acpi_enter_state(const u16 types[2])
{
    for (unsigned i = 0; i < 2; i++)
        if (control_ports[i] != 0)
            io_write16(control_ports[i], (u16)(types[i] << SLEEP_SHIFT | SLEEP_NOW));
    wait_for_state();
}

void acpi_power_off(void)
{
    u16 types[2];

    if (!can_power_off || !acpi_find_sleep_state("_S5_", types))
        return;
    can_power_off = false; /* one wait in vain is enough */
    acpi_enter_state(types);
}

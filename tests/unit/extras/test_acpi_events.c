/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI's fixed hardware on fake ports: sleep types in bytes of AML, right and cut;
 * the power button and the news of a plugged-in device; switching off; and machines that
 * lack something of it.
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/paging.h"
#include "extras/power/power.h"
#include "include/status.h"
#include "tests/fakes/fake_mmio.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

#define EVENT_PORT   0x600 /* status, then enable bits */
#define CONTROL_PORT 0x604
#define TIMER_PORT   0x608
#define GPE_PORT     0x620 /* 2 bytes of status, 2 of enable bits */
#define SMI_PORT     0xb2
#define LINE         9
#define FADT_BYTES   116
#define BUTTON       0x0100

static const u8 good_dsdt[] = {0,    0x08, '_',  'S',  '5', '_', 0x12, 0x06,
                               0x04, 0x0a, 0x05, 0x01, 0,   0,   0,    0};

static u8 fadt[FADT_BYTES];
static u32 fadt_bytes;
static const u8 *dsdt;
static u32 dsdt_bytes;
static struct {
    u16 events, events_enabled, control;
    u8 general, general_enabled[2];
    u32 timer;
    u8 smi;
    bool mode_sticks;
} board;

/* ---- in place of acpi.c ---- */

const void *acpi_find_table(const char *signature, u32 *bytes)
{
    assert_string_equal(signature, "FACP");
    *bytes = fadt_bytes;
    return fadt_bytes == 0 ? NULL : fadt;
}

/* There is no table at the address that the FADT has: acpi_open_table() gives one all the same. */
int paging_map_firmware(paddr_t paddr, u64 bytes)
{
    assert_int_equal(paddr, 0x1234);
    assert_int_not_equal(bytes, 0);
    return E_NOMEM;
}

const void *acpi_open_table(paddr_t paddr, u32 *bytes)
{
    assert_int_equal(paddr, 0x1234);
    *bytes = dsdt_bytes;
    return dsdt;
}

/* ---- the board ---- */

static u32 read_port(void *context, u64 offset, unsigned bytes)
{
    (void)context;
    (void)bytes;
    switch (EVENT_PORT + offset) {
    case EVENT_PORT:
        return board.events;
    case CONTROL_PORT:
        return board.control;
    case TIMER_PORT:
        return board.timer += 0x100000;
    case GPE_PORT:
        return board.general;
    default:
        fail_msg("port 0x%x was read", (unsigned)(EVENT_PORT + offset));
        return 0;
    }
}

static void write_port(void *context, u64 offset, unsigned bytes, u32 value)
{
    (void)context;
    (void)bytes;
    switch (EVENT_PORT + offset) {
    case EVENT_PORT: /* a one clears its bit */
        board.events &= (u16)~value;
        break;
    case EVENT_PORT + 2:
        board.events_enabled = (u16)value;
        break;
    case CONTROL_PORT:
        board.control = (u16)value;
        break;
    case GPE_PORT:
        board.general &= (u8)~value;
        break;
    default:
        assert_in_range(EVENT_PORT + offset, GPE_PORT + 2, GPE_PORT + 3);
        board.general_enabled[EVENT_PORT + offset - GPE_PORT - 2] = (u8)value;
        break;
    }
}

static u32 read_smi(void *context, u64 offset, unsigned bytes)
{
    (void)context;
    (void)offset;
    (void)bytes;
    return 0;
}

static void write_smi(void *context, u64 offset, unsigned bytes, u32 value)
{
    (void)context;
    (void)offset;
    (void)bytes;
    board.smi = (u8)value;
    board.control = board.mode_sticks ? 1 : 0;
}

static void put32(unsigned at, u32 value)
{
    memcpy(fadt + at, &value, sizeof(value));
}

static void set_up(void)
{
    static const struct fake_registers fixed = {read_port, write_port};
    static const struct fake_registers smi = {read_smi, write_smi};
    static struct boot_info boot;
    fake_boot(&boot, 2 * MIB);
    fake_mmio_reset();
    fake_port_claim(EVENT_PORT, 0x30, &fixed, NULL);
    fake_port_claim(SMI_PORT, 1, &smi, NULL);
    memset(&board, 0, sizeof(board));
    memset(fadt, 0, sizeof(fadt));
    board.mode_sticks = true;
    fadt_bytes = FADT_BYTES;
    dsdt = good_dsdt;
    dsdt_bytes = sizeof(good_dsdt);
    put32(40, 0x1234);
    fadt[46] = LINE;
    put32(48, SMI_PORT);
    fadt[52] = 0xf1;
    put32(56, EVENT_PORT);
    put32(64, CONTROL_PORT);
    put32(76, TIMER_PORT);
    put32(80, GPE_PORT);
    fadt[88] = 4;
    fadt[92] = 4;
}

static void tear_down(void)
{
    fake_mmio_reset();
    fake_shutdown();
}

/* ---- AML ---- */

TEST_WITH(test_sleep_types, set_up, tear_down)
{
    static const struct {
        u8 aml[20];
        u32 bytes;
        bool found;
    } cases[] = {
        {{0, 0x08, '_', 'S', '3', '_', 0x12, 6, 4, 0x0a, 5, 0x01, 0, 0}, 14, true},
        {{0x08, '\\', '_', 'S', '3', '_', 0x12, 6, 4, 0x0a, 5, 0x01, 0}, 13, true},
        {{0, 0x08, '_', 'S', '3', '_', 0x12, 0x46, 0, 4, 0x0a, 5, 0x01, 0}, 14, true}, /* 2 bytes */
        {{0, 0x07, '_', 'S', '3', '_', 0x12, 6, 4, 0x0a, 5, 0x01, 0, 0}, 14, false},   /* no Name */
        {{0, 0x08, '_', 'S', '4', '_', 0x12, 6, 4, 0x0a, 5, 0x01, 0, 0}, 14, false},
        {{0, 0x08, '_', 'S', '3', '_', 0x11, 6, 4, 0x0a, 5, 0x01, 0, 0}, 14, false}, /* a buffer */
        {{0, 0x08, '_', 'S', '3', '_', 0x12, 6, 4, 0x0b, 5, 0x01, 0, 0}, 14, false}, /* a word */
        {{0, 0x08, '_', 'S', '3', '_', 0x12, 6, 4, 0x0a, 5, 0x01}, 11, false},       /* cut */
        {{0, 0x08, '_', 'S', '3', '_', 0x12, 0xc6}, 8, false},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        u16 types[2] = {77, 77};
        u8 *aml = malloc(cases[i].bytes); /* so that a byte behind it is found */
        memcpy(aml, cases[i].aml, cases[i].bytes);
        bool found = acpi_find_sleep_types(aml, cases[i].bytes, "_S3_", types);
        free(aml);
        if (found != cases[i].found)
            fail_msg("case %u: %s", i, found ? "found" : "not found");
        if (found)
            assert_true(types[0] == 5 && types[1] == 1);
    }
}

/* ---- events ---- */

TEST_WITH(test_events, set_up, tear_down)
{
    board.events = BUTTON; /* from before */
    acpi_power_init();
    assert_int_equal(board.smi, 0xf1);
    assert_int_equal(board.events_enabled, BUTTON);
    assert_int_equal(board.general_enabled[0], 2);
    assert_false(acpi_events_pending());
    board.events = BUTTON;
    fake_raise_line(LINE);
    assert_true(acpi_events_pending());
    assert_int_equal(acpi_take_events(), ACPI_EVENT_POWER_BUTTON);
    board.general = 2;
    fake_raise_line(LINE);
    assert_int_equal(board.events | board.general, 0);
    assert_int_equal(acpi_take_events(), ACPI_EVENT_PCI_HOTPLUG);
    assert_int_equal(acpi_take_events(), 0);
}

TEST_WITH(test_events_after_waking, set_up, tear_down)
{
    acpi_power_init();
    board.events = BUTTON | 0x8000;
    board.control = board.events_enabled = 0;
    acpi_resume();
    assert_int_equal(board.control, 1);
    assert_int_equal(board.events, 0);
    assert_int_equal(board.events_enabled, BUTTON);
}

TEST_WITH(test_power_off, set_up, tear_down)
{
    acpi_power_init();
    acpi_power_off();
    assert_int_equal(board.control, 5 << 10 | 1 << 13);
}

/* ---- what is missing ---- */

TEST_WITH(test_no_fixed_hardware, set_up, tear_down)
{
    static const struct {
        unsigned at; /* of the word of the FADT that is 0 */
    } cases[] = {{48}, {56}, {64}};
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        set_up();
        put32(cases[i].at, 0);
        acpi_power_init();
        assert_non_null(strstr(fake_console(), "no fixed hardware to use: no power button"));
        assert_int_equal(board.events_enabled, 0);
    }
    set_up();
    board.mode_sticks = false;
    acpi_power_init();
    assert_non_null(strstr(fake_console(), "no fixed hardware to use: no power button"));
    set_up();
    fadt_bytes = FADT_BYTES - 1;
    acpi_power_init();
    assert_string_equal(fake_console(), "");
}

TEST_WITH(test_a_line_that_is_not_there, set_up, tear_down)
{
    fadt[46] = 99;
    acpi_power_init();
    assert_non_null(
        strstr(fake_console(), "line 99 cannot be used; the power button is not heard"));
}

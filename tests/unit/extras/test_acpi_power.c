/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI's sleep states: a machine that goes off or to sleep late, one that never does, and what is
 * left then. The clock is the machine's own, so that no speed matters.
 */
#include <sys/mman.h>

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/arch.h"
#include "arch/x86_64/paging.h"
#include "extras/page_rights/page_rights.h"
#include "extras/power/power.h"
#include "extras/suspend/suspend.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/fakes/fake_mmio.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

#define ARENA_BYTES (4 * PAGE_BYTES)
#define RSDP_AT     0x000
#define RSDT_AT     0x100
#define FACP_AT     0x200
#define FACS_AT     0x600
#define DSDT_AT     (3 * PAGE_BYTES - 40) /* its bytes of AML lie on the next page */

#define EVENT_PORT   0x600
#define CONTROL_PORT 0x604
#define TIMER_PORT   0x608
#define TIMER_HZ     3579545
#define SCI_ENABLED  1
#define SLEEP_NOW    0x2000
#define S3_TYPE      1
#define S5_TYPE      5

static u8 *arena;
static bool firmware_is_read_only;
static bool is_mapped[ARENA_BYTES / PAGE_BYTES];
static bool no_memory; /* for page tables: no more can be mapped */
static jmp_buf sleeping;

static struct {
    u32 timer;
    u32 steps_a_read;   /* 0: the timer stands still */
    u32 reads_to_state; /* after which the machine does what it was told; 0: never */
    u32 timer_reads;
    u16 type; /* the last that was asked for */
    u32 vector_then;
} board;

int paging_map_firmware(paddr_t paddr, u64 bytes)
{
    paddr_t base = virt_to_phys(arena);

    if (paddr < base || paddr + bytes > base + ARENA_BYTES)
        return E_RANGE;
    for (u64 page = (paddr - base) / PAGE_BYTES; page * PAGE_BYTES < paddr + bytes - base; page++) {
        if (no_memory && !is_mapped[page])
            return E_NOMEM;
        is_mapped[page] = true;
    }
    return OK;
}

int paging_make_writable(paddr_t paddr, u64 bytes)
{
    (void)paddr;
    (void)bytes;
    return firmware_is_read_only ? E_NOMEM : OK;
}

static u32 *waking_vector(void)
{
    return (u32 *)(void *)(arena + FACS_AT + 12);
}

static u32 read_port(void *context, u64 offset, unsigned bytes)
{
    (void)context;
    (void)bytes;
    if (offset == CONTROL_PORT - EVENT_PORT)
        return SCI_ENABLED;
    if (offset != TIMER_PORT - EVENT_PORT)
        return 0;
    board.timer_reads++;
    if (board.reads_to_state != 0 && board.timer_reads >= board.reads_to_state) {
        board.vector_then = *waking_vector();
        longjmp(sleeping, 1);
    }
    board.timer += board.steps_a_read;
    return board.timer & 0xffffff;
}

static void write_port(void *context, u64 offset, unsigned bytes, u32 value)
{
    (void)context;
    (void)bytes;
    if (offset == CONTROL_PORT - EVENT_PORT && (value & SLEEP_NOW) != 0)
        board.type = (u16)(value >> 10 & 7);
}

static void put_table(u64 offset, const char *signature, const void *body, u32 bytes)
{
    struct acpi_header *header = (struct acpi_header *)(void *)(arena + offset);
    u8 sum = 0;

    memset(header, 0, sizeof(*header));
    memcpy(header->signature, signature, ACPI_SIGNATURE_BYTES);
    header->length = (u32)sizeof(*header) + bytes;
    memcpy(header + 1, body, bytes);
    for (u32 i = 0; i < header->length; i++)
        sum = (u8)(sum + arena[offset + i]);
    header->checksum = (u8)-sum;
}

static void put32(u8 *table, unsigned offset, u32 value)
{
    memcpy(table + offset - sizeof(struct acpi_header), &value, sizeof(value));
}

static void setup(void)
{
    static const struct fake_registers registers = {read_port, write_port};
    static const u8 dsdt[] =
        "..\x08_S3_\x12\x06\x04\x0a\x01\x0a\x01.\x08_S5_\x12\x06\x04\x0a\x05\x0a\x05...";
    static struct boot_info boot;
    u8 fadt[80] = {0};
    u8 rsdp[36] = "RSD PTR ";
    u8 sum = 0;

    arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
                 -1, 0);
    assert_true(arena != MAP_FAILED);
    u32 base = (u32)virt_to_phys(arena);
    u32 rsdt = base + FACP_AT;
    put32(fadt, 36, base + FACS_AT);
    put32(fadt, 40, base + DSDT_AT);
    put32(fadt, 56, EVENT_PORT);
    put32(fadt, 64, CONTROL_PORT);
    put32(fadt, 76, TIMER_PORT);
    fadt[88 - sizeof(struct acpi_header)] = 4;
    put_table(FACP_AT, "FACP", fadt, sizeof(fadt));
    put_table(DSDT_AT, "DSDT", dsdt, sizeof(dsdt));
    put_table(RSDT_AT, "RSDT", &rsdt, sizeof(rsdt));
    memcpy(arena + FACS_AT, "FACS\x40", 5);
    u32 rsdt_address = base + RSDT_AT;
    memcpy(rsdp + 16, &rsdt_address, sizeof(rsdt_address));
    for (unsigned i = 0; i < 20; i++)
        sum = (u8)(sum + rsdp[i]);
    rsdp[8] = (u8)-sum;
    memcpy(arena + RSDP_AT, rsdp, sizeof(rsdp));
    memset(&board, 0, sizeof(board));
    firmware_is_read_only = no_memory = false;
    memset(is_mapped, 0, sizeof(is_mapped));
    fake_port_claim(EVENT_PORT, 16, &registers, NULL);
    boot.rsdp = base + RSDP_AT;
    acpi_init(&boot);
    acpi_power_init();
}

/* The arena stays: what acpi_sleep.c has found it keeps for good. */
static void teardown(void)
{
    fake_mmio_reset();
}

/* However fast its ports are, a machine gets the same time. */
TEST_WITH(test_off_after_a_while, setup, teardown)
{
    board.steps_a_read = 10;
    board.reads_to_state = 3 * TIMER_HZ / board.steps_a_read;
    if (setjmp(sleeping) == 0) {
        acpi_power_off();
        fail_msg("the machine would have gone off 3 s later");
    }
    assert_int_equal(board.type, S5_TYPE);
}

/* A panic of the allocator may be the reason to go off. */
TEST_WITH(test_off_without_memory, setup, teardown)
{
    no_memory = true;
    board.steps_a_read = 1000000;
    acpi_power_off();
    assert_int_equal(board.type, S5_TYPE);
    assert_string_equal(fake_console(), "");
}

TEST_WITH(test_never_off, setup, teardown)
{
    board.steps_a_read = 1000000;
    acpi_power_off();
    u64 waited = (u64)board.timer_reads * board.steps_a_read;
    assert_in_range(waited / TIMER_HZ, ACPI_STATE_SECONDS, ACPI_STATE_SECONDS + 1);
    board.timer_reads = 0;
    acpi_power_off(); /* it has been tried */
    assert_int_equal(board.timer_reads, 0);
}

TEST_WITH(test_sleep_and_stay_awake, setup, teardown)
{
    assert_true(acpi_can_sleep());
    firmware_is_read_only = true;
    assert_false(acpi_can_sleep());
    firmware_is_read_only = false;
    assert_true(acpi_can_sleep());
    board.steps_a_read = 1000000;
    acpi_sleep(0x9000);
    assert_int_equal(board.type, S3_TYPE);
    assert_int_equal(*waking_vector(), 0); /* who sleeps later does not wake into what is old */
    board.timer_reads = 0;
    board.reads_to_state = 40;
    if (setjmp(sleeping) == 0) {
        acpi_sleep(0x9000);
        fail_msg("the machine would have slept");
    }
    assert_int_equal(board.vector_then, 0x9000);
}

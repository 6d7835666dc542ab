/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_platform.h. */
#include "tests/fakes/fake_platform.h"

#include <inttypes.h>
#include <sys/mman.h>

#include "extras/msix/msix.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/unit/include/asm/cpu.h"
#include "tests/unit/unit.h"

#define MAPPINGS_MAX    65536
#define HANDLERS_MAX    64
#define CONSOLE_BYTES   65536
#define JUNK_BYTES      (64 * MIB) /* more boot RAM than that is 0 behind them */
#define MESSAGE_ADDRESS 0xfee00000u

struct mapping {
    paddr_t base;
    u64 bytes;
};

struct handler {
    bool is_message;
    unsigned number; /* line, or message data */
    irq_handler_t function;
    void *context;
};

__thread u32 fake_cpu_id;

struct fake_cpu_local fake_cpu_locals[CPUS_MAX];
int (*fake_on_map)(paddr_t paddr, u64 bytes, bool map);

static struct mapping mappings[MAPPINGS_MAX]; /* sorted, merged where they touch */
static unsigned nr_mappings;
static i64 map_failure = -1;
static i64 unmap_failure = -1;
static bool mmio_fails;
static struct handler handlers[HANDLERS_MAX];
static unsigned nr_messages_fail;
static const struct platform_ecam *ecam_windows;
static unsigned nr_ecam_windows;
static const struct platform_node_range *node_ranges;
static unsigned nr_node_ranges;
static u64 now_ms;
static char console[CONSOLE_BYTES];
static size_t console_bytes;
static void *ram;
static u64 ram_bytes;
static jmp_buf exit_target;
static bool exit_expected;
static unsigned exit_value_seen;

/* Memory that a boot before had is kept, for a host's page fault costs more than the junk in it. */
static void take_ram(u64 bytes)
{
    bool is_kept = ram && ram_bytes == bytes && bytes <= JUNK_BYTES;
    if (is_kept && mprotect(ram, bytes, PROT_READ | PROT_WRITE) == 0)
        return;
    if (ram)
        munmap(ram, ram_bytes);
    ram = mmap((void *)(uintptr_t)FAKE_RAM_BASE, bytes, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
    if (ram != (void *)(uintptr_t)FAKE_RAM_BASE)
        fail_msg("cannot place the fake RAM at 0x%" PRIx64, FAKE_RAM_BASE);
    ram_bytes = bytes;
}

void fake_boot(struct boot_info *boot, u64 bytes)
{
    fake_shutdown();
    take_ram(bytes);
    memset(ram, 0xa5, (size_t)min_u64(bytes, JUNK_BYTES));
    memset(boot, 0, sizeof(*boot));
    boot->protocol = "fake";
    boot->nr_ranges = 1;
    boot->ranges[0] = (struct boot_memory_range){FAKE_RAM_BASE, bytes, BOOT_MEMORY_RAM};
    boot->kernel_base = FAKE_RAM_BASE;
    boot->kernel_bytes = MIB;
}

void fake_shutdown(void)
{
    if (ram)
        mprotect(ram, ram_bytes, PROT_NONE);
    nr_mappings = 0;
    map_failure = unmap_failure = -1;
    mmio_fails = false;
    memset(handlers, 0, sizeof(handlers));
    nr_messages_fail = 0;
    nr_ecam_windows = 0;
    nr_node_ranges = 0;
    now_ms = 0;
    exit_expected = false;
    fake_on_map = NULL;
    fake_console_clear();
}

paddr_t platform_paddr_limit(void)
{
    return (paddr_t)1 << 46;
}

/* ---- mappings ---- */

static bool fail_now(i64 *countdown)
{
    if (*countdown < 0)
        return false;
    return (*countdown)-- == 0;
}

/* The first mapping that ends after paddr. */
static unsigned find_mapping(paddr_t paddr)
{
    unsigned low = 0;
    unsigned high = nr_mappings;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (mappings[middle].base + mappings[middle].bytes <= paddr)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert_mapping(unsigned index, paddr_t base, u64 bytes)
{
    assert_true(nr_mappings < MAPPINGS_MAX);
    memmove(&mappings[index + 1], &mappings[index], (nr_mappings - index) * sizeof(mappings[0]));
    mappings[index] = (struct mapping){base, bytes};
    nr_mappings++;
}

static void remove_mapping(unsigned index)
{
    nr_mappings--;
    memmove(&mappings[index], &mappings[index + 1], (nr_mappings - index) * sizeof(mappings[0]));
}

int platform_map_ram(paddr_t paddr, u64 bytes)
{
    assert_true(is_aligned(paddr, PAGE_BYTES) && is_aligned(bytes, PAGE_BYTES) && bytes != 0);
    if (paddr + bytes > platform_paddr_limit())
        return E_RANGE;
    unsigned index = find_mapping(paddr);
    if (index < nr_mappings && mappings[index].base < paddr + bytes)
        return E_EXIST;
    if (fail_now(&map_failure))
        return E_NOMEM;
    int status = fake_on_map ? fake_on_map(paddr, bytes, true) : OK;
    if (status != OK)
        return status;
    bool joins_next = index < nr_mappings && mappings[index].base == paddr + bytes;
    bool joins_before = index > 0 && mappings[index - 1].base + mappings[index - 1].bytes == paddr;
    if (joins_before && joins_next) {
        mappings[index - 1].bytes += bytes + mappings[index].bytes;
        remove_mapping(index);
    } else if (joins_before) {
        mappings[index - 1].bytes += bytes;
    } else if (joins_next) {
        mappings[index].base = paddr;
        mappings[index].bytes += bytes;
    } else {
        insert_mapping(index, paddr, bytes);
    }
    return OK;
}

u64 platform_map_tables(u64 bytes)
{
    return 6 + bytes / GIB + bytes / (512 * GIB);
}

int platform_unmap_ram(paddr_t paddr, u64 bytes)
{
    assert_true(fake_is_mapped(paddr, bytes));
    if (fail_now(&unmap_failure))
        return E_NOMEM;
    int status = fake_on_map ? fake_on_map(paddr, bytes, false) : OK;
    if (status != OK)
        return status;
    unsigned index = find_mapping(paddr);
    struct mapping whole = mappings[index];
    remove_mapping(index);
    if (paddr + bytes < whole.base + whole.bytes)
        insert_mapping(index, paddr + bytes, whole.base + whole.bytes - (paddr + bytes));
    if (whole.base < paddr)
        insert_mapping(index, whole.base, paddr - whole.base);
    return OK;
}

int platform_map_mmio(paddr_t paddr, u64 bytes, volatile void **registers)
{
    assert_true(bytes != 0);
    if (mmio_fails)
        return E_NOMEM;
    *registers = phys_to_virt(paddr);
    return OK;
}

bool fake_is_mapped(paddr_t paddr, u64 bytes)
{
    unsigned index = find_mapping(paddr);
    return index < nr_mappings && mappings[index].base <= paddr &&
           paddr + bytes <= mappings[index].base + mappings[index].bytes;
}

u64 fake_mapped_bytes(void)
{
    u64 sum = 0;
    for (unsigned i = 0; i < nr_mappings; i++)
        sum += mappings[i].bytes;
    return sum;
}

void fake_fail_map_after(i64 nr_calls)
{
    map_failure = nr_calls;
}

void fake_fail_unmap_after(i64 nr_calls)
{
    unmap_failure = nr_calls;
}

void fake_fail_map_mmio(bool fail)
{
    mmio_fails = fail;
}

/* ---- clock ---- */

void (*fake_clock_was_read)(void);

u64 platform_now_ms(void)
{
    if (fake_clock_was_read)
        fake_clock_was_read();
    return now_ms;
}

void fake_advance_ms(u64 ms)
{
    now_ms += ms;
}

/* ---- interrupts ---- */

static int attach(bool is_message, unsigned number, irq_handler_t function, void *context)
{
    for (unsigned i = 0; i < HANDLERS_MAX; i++) {
        if (handlers[i].function)
            continue;
        handlers[i] = (struct handler){is_message, is_message ? i : number, function, context};
        return (int)i;
    }
    return E_NOMEM;
}

int platform_irq_attach_line(unsigned line, irq_handler_t handler, void *context)
{
    if (line > 23)
        return E_INVAL;
    int slot = attach(false, line, handler, context);
    return slot < 0 ? slot : OK;
}

void platform_irq_detach_line(unsigned line, irq_handler_t handler, void *context)
{
    for (unsigned i = 0; i < HANDLERS_MAX; i++) {
        struct handler *found = &handlers[i];
        if (!found->is_message && found->number == line && found->function == handler &&
            found->context == context)
            *found = (struct handler){0};
    }
}

int irq_attach_message(irq_handler_t handler, void *context, struct irq_message *message)
{
    if (nr_messages_fail != 0) {
        nr_messages_fail--;
        return E_UNSUPPORTED;
    }
    int slot = attach(true, 0, handler, context);
    if (slot < 0)
        return slot;
    *message = (struct irq_message){MESSAGE_ADDRESS, (u32)slot};
    return OK;
}

void irq_detach_message(const struct irq_message *message)
{
    assert_true(message->data < HANDLERS_MAX && handlers[message->data].is_message);
    handlers[message->data] = (struct handler){0};
}

void fake_raise_line(unsigned line)
{
    for (unsigned i = 0; i < HANDLERS_MAX; i++) {
        if (handlers[i].function && !handlers[i].is_message && handlers[i].number == line)
            handlers[i].function(handlers[i].context);
    }
}

void fake_raise_message(struct irq_message message)
{
    if (message.data < HANDLERS_MAX && handlers[message.data].is_message)
        handlers[message.data].function(handlers[message.data].context);
}

void fake_fail_irq_messages(unsigned times)
{
    nr_messages_fail = times;
}

/* ---- firmware tables ---- */

int platform_pci_ecam(unsigned index, struct platform_ecam *ecam)
{
    if (index >= nr_ecam_windows)
        return E_NODEV;
    *ecam = ecam_windows[index];
    return OK;
}

void fake_set_ecam(const struct platform_ecam *windows, unsigned nr_windows)
{
    ecam_windows = windows;
    nr_ecam_windows = nr_windows;
}

int platform_memory_node(unsigned index, struct platform_node_range *range)
{
    if (index >= nr_node_ranges)
        return E_NODEV;
    *range = node_ranges[index];
    return OK;
}

void fake_set_nodes(const struct platform_node_range *ranges, unsigned nr_ranges)
{
    node_ranges = ranges;
    nr_node_ranges = nr_ranges;
}

/* ---- console and end ---- */

void platform_console_write(const char *text, size_t bytes)
{
    size_t room = CONSOLE_BYTES - 1 - console_bytes;
    size_t taken = bytes < room ? bytes : room;
    memcpy(console + console_bytes, text, taken);
    console_bytes += taken;
    console[console_bytes] = '\0';
}

const char *fake_console(void)
{
    return console;
}

void fake_console_clear(void)
{
    console_bytes = 0;
    console[0] = '\0';
}

void fake_console_has(const char *text)
{
    assert_has(console, text);
}

unsigned fake_console_said(const char *text)
{
    return unit_count(console, text);
}

u64 platform_console_lock(void)
{
    return 0;
}

void platform_console_unlock(u64 flags)
{
    (void)flags;
}

void platform_stop_others(void)
{
}

void platform_exit(unsigned exit_value)
{
    if (!exit_expected) {
        print_error("%s", console);
        fail_msg("the code under test ended with exit value 0x%x", exit_value);
        abort();
    }
    exit_expected = false;
    exit_value_seen = exit_value;
    longjmp(exit_target, 1);
}

jmp_buf *fake_expect_exit(void)
{
    exit_expected = true;
    fake_console_clear();
    return &exit_target;
}

void fake_no_exit_came(const char *code)
{
    exit_expected = false;
    fail_msg("no panic came from: %s", code);
}

unsigned fake_exit_value(void)
{
    return exit_value_seen;
}

void fake_exit_was(unsigned exit_value, const char *text)
{
    assert_int_equal(exit_value_seen, exit_value);
    if (!strstr(console, text))
        fail_msg("the panic does not say '%s' but: %s", text, console);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_host.h. */
#include "tests/fakes/host/fake_host.h"

#include <time.h>

#include "drivers/virtio/include/vmem/error.h"
#include "drivers/virtio/include/vmem/host.h"
#include "include/units.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "tests/fakes/fake_platform.h"
#include "tests/fakes/fake_ring.h"
#include "tests/unit/unit.h"

#define ARENA_PAGES  1024
#define WAKES_MAX    4
#define JUNK         0xa5
#define OFFSET_PAGES ((u64)1 << 36) /* device addresses lie below 2^48 or so, and above 4 GiB */
#define OFFSET_LEAST ((u64)1 << 20)

enum page_use { PAGE_FREE, PAGE_DATA, PAGE_DMA };

static u8 arena[ARENA_PAGES * PAGE_BYTES] aligned_to(4096);
static u8 uses[ARENA_PAGES];      /* enum page_use */
static size_t sizes[ARENA_PAGES]; /* of the allocation that begins here */

static u64 random_state;
static u64 fail_nth;
static bool fails, fails_lastingly, has_failed;

static unsigned nr_mappings;
static u64 mapped_bytes;

static struct {
    const void *context;
    unsigned count;
} wakes[WAKES_MAX];

/* ---- the test's part ---- */

static u64 random_pages(void)
{
    if (random_state == 0) {
        const char *seed = getenv("FAKE_HOST_SEED");
        random_state = seed ? strtoull(seed, NULL, 0) : (u64)time(NULL);
        print_message("FAKE_HOST_SEED=%llu\n", (unsigned long long)random_state);
    }
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return OFFSET_LEAST + (random_state >> 16) % OFFSET_PAGES;
}

void fake_host_start(void)
{
    fake_shutdown();
    memset(arena, JUNK, sizeof(arena));
    memset(uses, PAGE_FREE, sizeof(uses));
    memset(wakes, 0, sizeof(wakes));
    nr_mappings = 0;
    mapped_bytes = 0;
    fails = false;
    fake_device_offset = random_pages() * PAGE_BYTES;
}

void fake_host_stop(void)
{
    assert_int_equal(fake_host_allocated(), 0);
    assert_int_equal(nr_mappings, 0);
    assert_int_equal(mapped_bytes, 0);
    fake_shutdown();
}

u64 fake_host_allocated(void)
{
    u64 bytes = mapped_bytes;
    for (unsigned i = 0; i < ARENA_PAGES; i++)
        bytes += uses[i] == PAGE_FREE ? 0 : PAGE_BYTES;
    return bytes;
}

void fake_host_fail_after(u64 nth, bool lasting)
{
    fails = true;
    fails_lastingly = lasting;
    fail_nth = nth;
    has_failed = false;
}

bool fake_host_failed(void)
{
    fails = false;
    return has_failed;
}

unsigned fake_host_wakes(const void *wake_context)
{
    for (unsigned i = 0; i < WAKES_MAX; i++) {
        if (wakes[i].context == wake_context)
            return wakes[i].count;
    }
    return 0;
}

/* ---- memory ---- */

static bool fails_now(void)
{
    if (!fails || fail_nth-- > 0)
        return false;
    has_failed = true;
    fails = fails_lastingly;
    fail_nth = 0;
    return true;
}

static unsigned nr_pages_of(size_t bytes)
{
    return (unsigned)(align_up(bytes, PAGE_BYTES) / PAGE_BYTES);
}

/* The lowest run that is long enough. */
static void *take(size_t bytes, enum page_use use)
{
    unsigned nr_pages = nr_pages_of(bytes);
    unsigned length = 0;

    assert_true(bytes != 0);
    if (fails_now())
        return NULL;
    for (unsigned i = 0; i < ARENA_PAGES; i++) {
        length = uses[i] == PAGE_FREE ? length + 1 : 0;
        if (length < nr_pages)
            continue;
        unsigned first = i + 1 - nr_pages;
        memset(&uses[first], use, nr_pages);
        sizes[first] = bytes;
        return arena + first * PAGE_BYTES;
    }
    return NULL;
}

/* It is what take() gave, of that size and kind; what is read there later is junk. */
static void give_back(void *memory, size_t bytes, enum page_use use)
{
    size_t offset = (size_t)((u8 *)memory - arena);
    unsigned first = (unsigned)(offset / PAGE_BYTES);

    assert_true(offset < sizeof(arena) && is_aligned(offset, PAGE_BYTES));
    assert_true(uses[first] == use && sizes[first] == bytes);
    memset(&uses[first], PAGE_FREE, nr_pages_of(bytes));
    sizes[first] = 0;
    memset(memory, JUNK, nr_pages_of(bytes) * PAGE_BYTES);
}

void *vmem_host_dma_alloc(size_t bytes, size_t align, uint64_t *device_address)
{
    assert_true(is_power_of_two(align) && align <= PAGE_BYTES);
    void *memory = take(bytes, PAGE_DMA);
    if (!memory)
        return NULL;
    *device_address = (u64)(uintptr_t)memory + fake_device_offset;
    return memset(memory, 0, bytes);
}

void vmem_host_dma_free(void *memory, size_t bytes, uint64_t device_address)
{
    assert_ptr_equal(fake_device_memory(device_address), memory);
    give_back(memory, bytes, PAGE_DMA);
}

void *vmem_host_alloc(size_t bytes)
{
    return take(bytes, PAGE_DATA);
}

void vmem_host_free(void *memory, size_t bytes)
{
    give_back(memory, bytes, PAGE_DATA);
}

/* ---- registers: see virtio.mk ---- */

int __real_vmem_host_pci_map(void *function, unsigned bar, uint64_t offset, size_t bytes,
                             volatile void **registers);
int __wrap_vmem_host_pci_map(void *function, unsigned bar, uint64_t offset, size_t bytes,
                             volatile void **registers);
void __wrap_vmem_host_pci_unmap(void *function, volatile void *registers, size_t bytes);

int __wrap_vmem_host_pci_map(void *function, unsigned bar, uint64_t offset, size_t bytes,
                             volatile void **registers)
{
    if (fails_now())
        return VMEM_E_NOMEM;
    int status = __real_vmem_host_pci_map(function, bar, offset, bytes, registers);
    if (status == VMEM_OK) {
        nr_mappings++;
        mapped_bytes += bytes;
    }
    return status;
}

void __wrap_vmem_host_pci_unmap(void *function, volatile void *registers, size_t bytes)
{
    assert_non_null(function);
    assert_non_null((const void *)(uintptr_t)registers);
    assert_true(nr_mappings > 0 && mapped_bytes >= bytes);
    nr_mappings--;
    mapped_bytes -= bytes;
}

/* ---- the rest ---- */

uint64_t vmem_host_now_ms(void)
{
    return platform_now_ms();
}

void vmem_host_relax(void)
{
}

int vmem_host_log_wanted(enum vmem_log_level level)
{
    return log_enabled(LOG_VMEM, (enum log_level)level);
}

void vmem_host_log(enum vmem_log_level level, const char *device, const char *line)
{
    assert_true(vmem_host_log_wanted(level));
    assert_non_null(device);
    assert_null(strchr(line, '\n'));
    log_write(LOG_VMEM, (enum log_level)level, device, "%s", line);
}

void vmem_host_wake(void *wake_context)
{
    unsigned i = 0;

    while (wakes[i].count != 0 && wakes[i].context != wake_context)
        assert_true(++i < WAKES_MAX);
    wakes[i].context = wake_context;
    wakes[i].count++;
}

void vmem_host_panic(const char *text)
{
    panic("%s", text);
}

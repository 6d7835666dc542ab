/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_host.h. */
#include "tests/fakes/fake_host.h"

#include <stdio.h>
#include <time.h>

#include "drivers/virtio/include/vmem/error.h"
#include "tests/fakes/fake_library_arch.h"
#include "tests/fakes/fake_ring.h"
#include "tests/unit/unit.h"

#define BLOCKS_MAX     64
#define LINES_BYTES    65536
#define RELAXES_PER_MS 100
#define PAGE_BYTES     4096
#define BYTES_MAX      ((size_t)1 << 30)   /* at once */
#define OFFSET_PAGES   ((uint64_t)1 << 36) /* device addresses lie below 2^48 or so, */
#define OFFSET_LEAST   ((uint64_t)1 << 20) /* and above 4 GiB */

enum block_use { BLOCK_NONE, BLOCK_DATA, BLOCK_DMA, BLOCK_REGISTERS };

struct block {
    enum block_use use;
    void *memory;
    size_t bytes;
    uint64_t device_address; /* of BLOCK_DMA */
};

static struct block blocks[BLOCKS_MAX];
static uint64_t fail_nth;
static bool fails, fails_lastingly, has_failed;
static uint64_t now_ms;
static unsigned nr_relaxes, nr_wakes;
static char lines[LINES_BYTES];
static size_t lines_bytes;
static unsigned counts[VMEM_LOG_DEBUG + 1];
static enum vmem_log_level wanted = VMEM_LOG_INFO;

static uint64_t random_pages(void)
{
    static uint64_t state;
    if (state == 0) {
        const char *seed = getenv("FAKE_HOST_SEED");
        state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
        print_message("FAKE_HOST_SEED=%llu\n", (unsigned long long)state);
    }
    state = state * 6364136223846793005u + 1442695040888963407u;
    return OFFSET_LEAST + (state >> 16) % OFFSET_PAGES;
}

static void free_all(void)
{
    for (unsigned i = 0; i < BLOCKS_MAX; i++) {
        if (blocks[i].use != BLOCK_REGISTERS)
            free(blocks[i].memory);
        blocks[i] = (struct block){0};
    }
}

void fake_host_start(void)
{
    free_all();
    fake_device_offset = random_pages() * PAGE_BYTES;
    fake_on_barrier = NULL;
    fails = false;
    now_ms = 0;
    nr_relaxes = 0;
    nr_wakes = 0;
    memset(counts, 0, sizeof(counts));
    fake_host_clear_lines();
}

void fake_host_stop(void)
{
    free_all();
    wanted = VMEM_LOG_INFO;
}

/* ---- memory ---- */

static struct block *find(struct block like)
{
    for (unsigned i = 0; i < BLOCKS_MAX; i++) {
        struct block *block = &blocks[i];
        if (block->use == like.use && block->memory == like.memory && block->bytes == like.bytes &&
            block->device_address == like.device_address)
            return block;
    }
    fail_msg("%s", like.use == BLOCK_NONE ? "too many allocations"
                                          : "what is freed was not allocated in this way");
    return NULL;
}

static void add(struct block block)
{
    *find((struct block){0}) = block;
}

static void take_out(struct block block)
{
    *find(block) = (struct block){0};
}

static bool fails_now(void)
{
    if (!fails || fail_nth-- > 0)
        return false;
    has_failed = true;
    fails = fails_lastingly;
    fail_nth = 0;
    return true;
}

static void *allocate(size_t bytes, size_t align, int filling)
{
    assert_true(bytes != 0);
    if (fails_now() || bytes > BYTES_MAX)
        return NULL;
    void *memory = aligned_alloc(align, (bytes + align - 1) / align * align);
    assert_non_null(memory);
    return memset(memory, filling, bytes);
}

void *vmem_host_dma_alloc(size_t bytes, size_t align, uint64_t *device_address)
{
    assert_true(align != 0 && (align & (align - 1)) == 0 && align <= PAGE_BYTES);
    void *memory = allocate(bytes, align < 16 ? 16 : align, 0);
    if (!memory)
        return NULL;
    *device_address = (uintptr_t)memory + fake_device_offset;
    add((struct block){BLOCK_DMA, memory, bytes, *device_address});
    return memory;
}

void vmem_host_dma_free(void *memory, size_t bytes, uint64_t device_address)
{
    take_out((struct block){BLOCK_DMA, memory, bytes, device_address});
    free(memory);
}

void *vmem_host_alloc(size_t bytes)
{
    void *memory = allocate(bytes, 16, 0xa5);
    if (memory)
        add((struct block){BLOCK_DATA, memory, bytes, 0});
    return memory;
}

void vmem_host_free(void *memory, size_t bytes)
{
    take_out((struct block){BLOCK_DATA, memory, bytes, 0});
    free(memory);
}

size_t fake_host_allocated(void)
{
    size_t sum = 0;
    for (unsigned i = 0; i < BLOCKS_MAX; i++)
        sum += blocks[i].bytes;
    return sum;
}

void fake_host_fail_after(uint64_t nth, bool lasting)
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

/* ---- registers, in the programs that wrap these two (virtio.mk) ---- */

/* Weak, for a program without the PCI transport has none. */
__attribute__((weak)) int __real_vmem_host_pci_map(void *function, unsigned bar, uint64_t offset,
                                                   size_t bytes, volatile void **registers);
int __wrap_vmem_host_pci_map(void *function, unsigned bar, uint64_t offset, size_t bytes,
                             volatile void **registers);
void __wrap_vmem_host_pci_unmap(void *function, volatile void *registers, size_t bytes);

int __wrap_vmem_host_pci_map(void *function, unsigned bar, uint64_t offset, size_t bytes,
                             volatile void **registers)
{
    if (fails_now())
        return VMEM_E_NOMEM;
    int status = __real_vmem_host_pci_map(function, bar, offset, bytes, registers);
    if (status == VMEM_OK)
        add((struct block){BLOCK_REGISTERS, (void *)(uintptr_t)*registers, bytes, 0});
    return status;
}

void __wrap_vmem_host_pci_unmap(void *function, volatile void *registers, size_t bytes)
{
    assert_non_null(function);
    take_out((struct block){BLOCK_REGISTERS, (void *)(uintptr_t)registers, bytes, 0});
}

/* ---- time ---- */

uint64_t vmem_host_now_ms(void)
{
    return now_ms;
}

void fake_host_advance_ms(uint64_t ms)
{
    now_ms += ms;
}

void vmem_host_relax(void)
{
    nr_relaxes++;
    now_ms += nr_relaxes % RELAXES_PER_MS == 0;
}

/* ---- lines ---- */

int vmem_host_log_wanted(enum vmem_log_level level)
{
    return level <= wanted;
}

void fake_host_want(enum vmem_log_level level)
{
    wanted = level;
}

void vmem_host_log(enum vmem_log_level level, const char *device, const char *line)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    assert_true(vmem_host_log_wanted(level));
    assert_non_null(device);
    assert_null(strchr(line, '\n'));
    counts[level]++;
    size_t room = LINES_BYTES - lines_bytes;
    int bytes = snprintf(lines + lines_bytes, room, "%s: %s: %s\n", names[level], device, line);
    lines_bytes += (size_t)bytes < room ? (size_t)bytes : room - 1;
}

const char *fake_host_lines(void)
{
    return lines;
}

void fake_host_clear_lines(void)
{
    lines_bytes = 0;
    lines[0] = '\0';
}

unsigned fake_host_said(const char *text)
{
    return unit_count(lines, text);
}

unsigned fake_host_count(enum vmem_log_level level)
{
    return counts[level];
}

/* ---- the rest ---- */

unsigned fake_host_wakes(void)
{
    return nr_wakes;
}

void vmem_host_wake(void *wake_context)
{
    if (!wake_context) /* a queue without a driver has nobody to wake */
        return;
    *(bool *)wake_context = true;
    nr_wakes++;
}

void vmem_host_panic(const char *text)
{
    mock_assert(false, text, __FILE__, __LINE__);
    abort();
}

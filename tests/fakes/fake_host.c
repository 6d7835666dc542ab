/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_host.h. */
#include "tests/fakes/fake_host.h"

#include <stdio.h>

#include "tests/fakes/fake_library_arch.h"
#include "tests/fakes/fake_ring.h"
#include "tests/unit/unit.h"

#define BLOCKS_MAX     64
#define LINES_BYTES    65536
#define RELAXES_PER_MS 100
#define PAGE_BYTES     4096
#define BYTES_MAX      ((size_t)1 << 30) /* at once */

struct block {
    void *memory; /* NULL: no block */
    size_t bytes;
    bool is_dma;
    uint64_t device_address;
};

void (*fake_on_barrier)(char kind);

static struct block blocks[BLOCKS_MAX];
static int64_t alloc_failure;
static uint64_t now_ms;
static unsigned nr_relaxes;
static char lines[LINES_BYTES];
static size_t lines_bytes;
static unsigned counts[VMEM_LOG_DEBUG + 1];
static enum vmem_log_level wanted = VMEM_LOG_INFO;

static void free_all(void)
{
    for (unsigned i = 0; i < BLOCKS_MAX; i++) {
        free(blocks[i].memory);
        blocks[i] = (struct block){0};
    }
}

void fake_host_start(void)
{
    static uint64_t random = 1;
    free_all();
    random = random * 6364136223846793005u + 1442695040888963407u;
    fake_device_offset = (1 + (random >> 44)) * PAGE_BYTES;
    alloc_failure = -1;
    now_ms = 0;
    nr_relaxes = 0;
    memset(counts, 0, sizeof(counts));
    fake_host_clear_lines();
}

void fake_host_stop(void)
{
    free_all();
    wanted = VMEM_LOG_INFO;
}

/* ---- memory ---- */

static struct block *find(const void *memory)
{
    for (unsigned i = 0; i < BLOCKS_MAX; i++) {
        if (blocks[i].memory == memory)
            return &blocks[i];
    }
    fail_msg("%s", memory ? "memory is freed that was not allocated" : "too many allocations");
    return NULL;
}

static void *allocate(size_t bytes, size_t align, int filling)
{
    if (bytes > BYTES_MAX || (alloc_failure >= 0 && alloc_failure-- == 0))
        return NULL;
    struct block *block = find(NULL);
    block->bytes = bytes;
    block->memory = aligned_alloc(align, (bytes + align - 1) / align * align);
    assert_non_null(block->memory);
    return memset(block->memory, filling, bytes);
}

static void release(void *memory, size_t bytes, bool is_dma, uint64_t device_address)
{
    struct block *block = find(memory);
    assert_int_equal(block->bytes, bytes);
    assert_int_equal(block->is_dma, is_dma);
    assert_int_equal(block->device_address, device_address);
    free(memory);
    *block = (struct block){0};
}

void *vmem_host_dma_alloc(size_t bytes, size_t align, uint64_t *device_address)
{
    assert_true(align != 0 && (align & (align - 1)) == 0 && align <= PAGE_BYTES);
    void *memory = allocate(bytes, align < 16 ? 16 : align, 0);
    if (!memory)
        return NULL;
    *device_address = (uintptr_t)memory + fake_device_offset;
    find(memory)->is_dma = true;
    find(memory)->device_address = *device_address;
    return memory;
}

void vmem_host_dma_free(void *memory, size_t bytes, uint64_t device_address)
{
    release(memory, bytes, true, device_address);
}

void *vmem_host_alloc(size_t bytes)
{
    return allocate(bytes, 16, 0xa5);
}

void vmem_host_free(void *memory, size_t bytes)
{
    release(memory, bytes, false, 0);
}

size_t fake_host_allocated(void)
{
    size_t sum = 0;
    for (unsigned i = 0; i < BLOCKS_MAX; i++)
        sum += blocks[i].memory ? blocks[i].bytes : 0;
    return sum;
}

void fake_host_fail_alloc_after(int64_t nr_calls)
{
    alloc_failure = nr_calls;
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
    assert_null(strchr(line, '\n'));
    if (level > wanted)
        return;
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
    unsigned times = 0;
    for (const char *at = lines; (at = strstr(at, text)) != NULL; at++)
        times++;
    return times;
}

unsigned fake_host_count(enum vmem_log_level level)
{
    return counts[level];
}

/* ---- the rest ---- */

void vmem_host_wake(void *wake_context)
{
    unsigned *nr_wakes = wake_context;
    if (nr_wakes) /* a queue without a driver has nobody to wake */
        (*nr_wakes)++;
}

void vmem_host_panic(const char *text)
{
    print_error("%s", lines);
    fail_msg("the library panics: %s", text);
    abort();
}

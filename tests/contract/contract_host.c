/* SPDX-License-Identifier: BSD-2-Clause */
/* The checks of the host functions. Each is independent of the others. */
#include "contract_internal.h"

#include <time.h>

#include <vmem/host.h>

enum { CALLS = 100000, NR_DMA = 5, WAIT_SECONDS = 2 };

static void check_now(void)
{
    uint64_t last = vmem_host_now_ms();
    for (int i = 0; i < CALLS; i++) {
        uint64_t now = vmem_host_now_ms();
        expect(now >= last, "%" PRIu64 " after %" PRIu64, now, last);
        last = now;
    }
}

static void check_now_advances(void)
{
    uint64_t first = vmem_host_now_ms();
    clock_t begun = clock();
    while (vmem_host_now_ms() < first + 20) {
        vmem_host_relax();
        if (contract->pass_time != NULL)
            contract->pass_time();
        expect((clock() - begun) / CLOCKS_PER_SEC < WAIT_SECONDS,
               "from %" PRIu64 " to %" PRIu64 " in %d s of a loop", first, vmem_host_now_ms(),
               WAIT_SECONDS);
    }
}

static void check_alloc(void)
{
    static const size_t sizes[] = {1, 24, 100, 4096, 70000};
    enum { NR = sizeof(sizes) / sizeof(*sizes) };
    unsigned char *memory[NR];
    for (unsigned i = 0; i < NR; i++) {
        memory[i] = vmem_host_alloc(sizes[i]);
        expect(memory[i] != NULL, "none for %zu bytes", sizes[i]);
        expect((uintptr_t)memory[i] % 16 == 0, "%zu bytes are at %p", sizes[i], (void *)memory[i]);
        for (size_t byte = 0; byte < sizes[i]; byte++)
            memory[i][byte] = (unsigned char)i;
    }
    for (unsigned i = 0; i < NR; i++) {
        for (size_t byte = 0; byte < sizes[i]; byte++)
            expect(memory[i][byte] == i, "byte %zu of %zu belongs to another as well", byte,
                   sizes[i]);
        vmem_host_free(memory[i], sizes[i]);
    }
}

/* ---- DMA memory ---- */

struct dma {
    size_t bytes, align;
    unsigned char *memory;
    uint64_t device_address;
};

static struct dma dma[NR_DMA] = {
    {1, 1, NULL, 0},     {100, 16, NULL, 0},   {4096, 4096, NULL, 0},
    {256, 256, NULL, 0}, {20000, 64, NULL, 0},
};

static void free_dma(void)
{
    for (struct dma *one = dma; one < dma + NR_DMA; one++) {
        if (one->memory != NULL)
            vmem_host_dma_free(one->memory, one->bytes, one->device_address);
        one->memory = NULL;
    }
}

/* Allocate all, let each be judged, then fill and free all. */
static void each_dma(void (*judge)(const struct dma *one))
{
    free_dma(); /* what a check that failed has left */
    for (struct dma *one = dma; one < dma + NR_DMA; one++) {
        one->memory = vmem_host_dma_alloc(one->bytes, one->align, &one->device_address);
        expect(one->memory != NULL, "none for %zu bytes", one->bytes);
    }
    for (struct dma *one = dma; one < dma + NR_DMA; one++)
        judge(one);
    for (struct dma *one = dma; one < dma + NR_DMA; one++)
        for (size_t byte = 0; byte < one->bytes; byte++)
            one->memory[byte] = 0xa5;
    free_dma();
}

static void judge_alignment(const struct dma *one)
{
    expect((uintptr_t)one->memory % one->align == 0 && one->device_address % one->align == 0,
           "%zu bytes, aligned to %zu, are at %p, for the device at 0x%" PRIx64, one->bytes,
           one->align, (void *)one->memory, one->device_address);
}

static void judge_zero(const struct dma *one)
{
    for (size_t byte = 0; byte < one->bytes; byte++)
        expect(one->memory[byte] == 0, "byte %zu of %zu is 0x%02x", byte, one->bytes,
               one->memory[byte]);
}

static void judge_apart(const struct dma *one)
{
    for (const struct dma *other = dma; other < dma + NR_DMA; other++) {
        bool apart = one->memory + one->bytes <= other->memory ||
                     other->memory + other->bytes <= one->memory;
        bool apart_for_device = one->device_address + one->bytes <= other->device_address ||
                                other->device_address + other->bytes <= one->device_address;
        expect(other == one || (apart && apart_for_device),
               "%zu bytes at %p and %zu at %p, for the device at 0x%" PRIx64 " and 0x%" PRIx64,
               one->bytes, (void *)one->memory, other->bytes, (void *)other->memory,
               one->device_address, other->device_address);
    }
}

static void judge_address(const struct dma *one)
{
    for (size_t byte = 0; byte < one->bytes; byte++) {
        void *reached = contract->dma_at(one->device_address + byte);
        expect(reached == one->memory + byte,
               "byte %zu of %zu is at %p; the device's 0x%" PRIx64 " leads to %p", byte, one->bytes,
               (void *)(one->memory + byte), one->device_address + byte, reached);
    }
}

static void check_dma_alignment(void)
{
    each_dma(judge_alignment);
}

static void check_dma_zero(void)
{
    for (int i = 0; i < 20; i++)
        each_dma(judge_zero);
}

static void check_dma_apart(void)
{
    each_dma(judge_apart);
}

static void check_dma_address(void)
{
    skip_unless(contract->dma_at != NULL);
    each_dma(judge_address);
}

/* ---- wake ---- */

static unsigned nr_points, wake_at;

/* An interrupt at one of the points where one can come. */
static void interruptible(void)
{
    if (nr_points++ == wake_at)
        vmem_host_wake(contract->wake_context);
}

static bool waits_with_wake_at(unsigned point)
{
    nr_points = 0;
    wake_at = point;
    return contract->wait(contract->wake_context, interruptible);
}

static void check_wake(void)
{
    const unsigned never = ~0u;
    skip_unless(contract->wait != NULL);
    expect(!waits_with_wake_at(never), "a call is due, and nothing woke the host");
    unsigned nr = nr_points;
    expect(nr != 0, "no interrupt can come while the host waits");
    for (unsigned point = 0; point < nr; point++) {
        bool is_due = waits_with_wake_at(point);
        bool is_due_later = waits_with_wake_at(never);
        expect(is_due || is_due_later, "an interrupt at point %u of %u is lost", point, nr);
        expect(!waits_with_wake_at(never), "one interrupt makes more than two calls due");
    }
    vmem_host_wake(contract->wake_context);
    vmem_host_wake(contract->wake_context);
    expect(waits_with_wake_at(never), "two interrupts before the host waits are lost");
}

static void check_log(void)
{
    for (int level = VMEM_LOG_ERROR; level <= VMEM_LOG_DEBUG; level++)
        if (vmem_host_log_wanted((enum vmem_log_level)level))
            vmem_host_log((enum vmem_log_level)level, "contract", "a line of the checker");
    for (int level = VMEM_LOG_WARNING; level <= VMEM_LOG_DEBUG; level++)
        expect(vmem_host_log_wanted((enum vmem_log_level)(level - 1)) ||
                   !vmem_host_log_wanted((enum vmem_log_level)level),
               "level %d is wanted, and level %d, which is graver, is not", level, level - 1);
}

const struct check host_checks[] = {
    {"vmem_host_now_ms never goes back", check_now},
    {"vmem_host_now_ms advances", check_now_advances},
    {"vmem_host_alloc is aligned and apart", check_alloc},
    {"DMA memory is aligned", check_dma_alignment},
    {"DMA memory is zero", check_dma_zero},
    {"DMA memory is apart", check_dma_apart},
    {"the device address leads to the DMA memory", check_dma_address},
    {"no wake is lost", check_wake},
    {"graver lines are wanted first", check_log},
    {NULL, NULL},
};

/* SPDX-License-Identifier: BSD-2-Clause */
/* The reference's host functions. */
#include "reference.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vmem/host.h>

enum { DMA_BYTES = 1 << 18, DMA_ALIGN = 4096 };

#define DMA_DEVICE_BASE UINT64_C(0x7654321000) /* where a device sees dma_memory */

static _Alignas(DMA_ALIGN) unsigned char dma_memory[DMA_BYTES + DMA_ALIGN];
static size_t dma_used;
static unsigned nr_dma; /* when the last is freed, all of the memory is free */
static bool is_woken;

static bool has(enum reference_fault fault)
{
    return reference_fault == fault;
}

/* ---- memory ---- */

void *vmem_host_dma_alloc(size_t bytes, size_t align, uint64_t *device_address)
{
    size_t offset = (dma_used + align - 1) & ~(align - 1);
    if (has(FAULT_DMA_MISALIGNED))
        offset += align / 2;
    if (offset > DMA_BYTES || bytes > DMA_BYTES - offset)
        return NULL;
    dma_used = has(FAULT_DMA_OVERLAPS) ? offset + bytes / 2 : offset + bytes;
    nr_dma++;
    if (!has(FAULT_DMA_NOT_ZERO))
        memset(dma_memory + offset, 0, bytes);
    *device_address = DMA_DEVICE_BASE + offset + (has(FAULT_DMA_WRONG_ADDRESS) ? DMA_ALIGN : 0);
    return dma_memory + offset;
}

void vmem_host_dma_free(void *memory, size_t bytes, uint64_t device_address)
{
    (void)memory, (void)bytes, (void)device_address;
    if (--nr_dma == 0)
        dma_used = 0;
}

static void *dma_at(uint64_t device_address)
{
    uint64_t offset = device_address - DMA_DEVICE_BASE;
    return offset < DMA_BYTES ? dma_memory + offset : NULL;
}

void *vmem_host_alloc(size_t bytes)
{
    if (has(FAULT_ALLOC_FROM_REGION) && bytes % VMEM_CONTRACT_PAGE_BYTES == 0) {
        void *taken = reference_take_from_region(bytes);
        if (taken != NULL)
            return taken;
    }
    char *memory = malloc(bytes + 8);
    return has(FAULT_ALLOC_MISALIGNED) && memory ? memory + 8 : memory;
}

void vmem_host_free(void *memory, size_t bytes)
{
    (void)bytes;
    if (!has(FAULT_ALLOC_FROM_REGION) && !has(FAULT_ALLOC_MISALIGNED))
        free(memory);
}

/* ---- time ---- */

uint64_t vmem_host_now_ms(void)
{
    static unsigned nr_calls;
    uint64_t now = (uint64_t)clock() * 1000 / CLOCKS_PER_SEC + 1000;
    nr_calls++;
    if (has(FAULT_NOW_STANDS))
        return 1000;
    return has(FAULT_NOW_GOES_BACK) && nr_calls % 1000 == 0 ? now - 1 : now;
}

void vmem_host_relax(void)
{
}

/* ---- waking and words ---- */

void vmem_host_wake(void *wake_context)
{
    *(bool *)wake_context = true;
}

/* Interrupts go off after the first point, and on before the last; the sleep lets them through. */
static bool wait(void *wake_context, void (*interruptible)(void))
{
    bool *flag = wake_context;
    interruptible();
    if (!*flag)
        interruptible();
    bool is_due = *flag;
    if (has(FAULT_WAKE_LOST)) /* which has interrupts on while the flag is cleared */
        interruptible();
    *flag = false;
    interruptible();
    return is_due;
}

void vmem_host_log(enum vmem_log_level level, const char *device, const char *line)
{
    (void)level;
    fprintf(stderr, "%s: %s\n", device, line);
}

int vmem_host_log_wanted(enum vmem_log_level level)
{
    return has(FAULT_DEBUG_WITHOUT_ERRORS) ? level == VMEM_LOG_DEBUG : level <= VMEM_LOG_WARNING;
}

void vmem_host_panic(const char *text)
{
    fprintf(stderr, "%s\n", text);
    abort();
}

void reference_host(struct vmem_contract *contract)
{
    contract->dma_at = dma_at;
    contract->wait = wait;
    contract->wake_context = &is_woken;
}

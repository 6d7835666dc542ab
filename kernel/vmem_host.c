/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What drivers/virtio asks of a kernel, by Tide: drivers/virtio/include/vmem/host.h. Physical
 * memory is identity mapped and no IOMMU is switched on, so an address is the same for a device.
 */
#include "drivers/virtio/include/vmem/host.h"

#include <asm/cpu.h>

#include "drivers/virtio/include/vmem/error.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mm/page.h"

/* Results cross between the two as they are. */
_Static_assert((int)OK == VMEM_OK && (int)E_INVAL == VMEM_E_INVAL && (int)E_NOMEM == VMEM_E_NOMEM &&
                   (int)E_RANGE == VMEM_E_RANGE && (int)E_BUSY == VMEM_E_BUSY &&
                   (int)E_TIMEOUT == VMEM_E_TIMEOUT && (int)E_NODEV == VMEM_E_NODEV &&
                   (int)E_UNSUPPORTED == VMEM_E_UNSUPPORTED && (int)E_BROKEN == VMEM_E_BROKEN &&
                   (int)E_EXIST == VMEM_E_EXIST && (int)E_AGAIN == VMEM_E_AGAIN,
               "the numbers of enum status and enum vmem_error");
_Static_assert((int)LOG_LEVEL_ERROR == VMEM_LOG_ERROR &&
                   (int)LOG_LEVEL_WARNING == VMEM_LOG_WARNING &&
                   (int)LOG_LEVEL_INFO == VMEM_LOG_INFO && (int)LOG_LEVEL_DEBUG == VMEM_LOG_DEBUG,
               "the numbers of log levels");

static u64 frames_of(size_t bytes)
{
    return align_up(bytes, PAGE_BYTES) / PAGE_BYTES;
}

/* Whole pages of boot RAM, which no device can take away. */
void *vmem_host_alloc(size_t bytes)
{
    paddr_t paddr = page_alloc_run(frames_of(bytes), PAGE_KERNEL);
    return paddr == PADDR_NONE ? NULL : phys_to_virt(paddr);
}

void vmem_host_free(void *memory, size_t bytes)
{
    page_free_run(virt_to_phys(memory), frames_of(bytes));
}

void *vmem_host_dma_alloc(size_t bytes, size_t align, uint64_t *device_address)
{
    ASSERT(align <= PAGE_BYTES);
    void *memory = vmem_host_alloc(bytes);
    if (!memory)
        return NULL;
    *device_address = virt_to_phys(memory);
    return memset(memory, 0, bytes);
}

void vmem_host_dma_free(void *memory, size_t bytes, uint64_t device_address)
{
    (void)device_address;
    vmem_host_free(memory, bytes);
}

uint64_t vmem_host_now_ms(void)
{
    return platform_now_ms();
}

void vmem_host_relax(void)
{
    cpu_relax();
}

int vmem_host_log_wanted(enum vmem_log_level level)
{
    return log_enabled(LOG_VMEM, (enum log_level)level);
}

void vmem_host_log(enum vmem_log_level level, const char *device, const char *line)
{
    log_line(LOG_VMEM, (enum log_level)level, device, line);
}

/* The context is the flag that the main loop looks at (kernel/devices.c); NULL before the driver is
 * attached. */
void vmem_host_wake(void *wake_context)
{
    if (wake_context)
        __atomic_store_n((bool *)wake_context, true, __ATOMIC_RELEASE);
}

void vmem_host_panic(const char *text)
{
    panic("%s", text);
}

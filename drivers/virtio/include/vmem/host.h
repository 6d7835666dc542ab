/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions that the host kernel provides to the library, at link time. With memcpy, memmove,
 * memset and memcmp they are all that the library leaves undefined.
 *
 * The library has no thread and no lock. It calls these functions only from within a call that the
 * host made (vmem_attach...(), vmem_service(), ...), in that call's context, unless a function
 * says otherwise. No function may call back into the library.
 */
#ifndef VMEM_HOST_H
#define VMEM_HOST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vmem_log_level {
    VMEM_LOG_ERROR,
    VMEM_LOG_WARNING,
    VMEM_LOG_INFO,
    VMEM_LOG_DEBUG, /* each decision */
};

/*
 * Memory that the device reads and writes: zeroed, contiguous for the device, aligned to `align`
 * (a power of two, at most 4096). *device_address is its address for the device, which need not be
 * the processor's. NULL when there is none. Called at attach, and after each reset of the device.
 */
void *vmem_host_dma_alloc(size_t bytes, size_t align, uint64_t *device_address);

/* Return what vmem_host_dma_alloc() gave, with the same three values. */
void vmem_host_dma_free(void *memory, size_t bytes, uint64_t device_address);

/*
 * Memory for the library's own data, aligned to 16 bytes, contents undefined; NULL when there is
 * none. It must not lie in memory of a device's own region. Called as vmem_host_dma_alloc(), and
 * when a transport is created.
 */
void *vmem_host_alloc(size_t bytes);
void vmem_host_free(void *memory, size_t bytes);

/*
 * Milliseconds since some moment; never goes back. It may advance in steps; it must advance while
 * the library waits in a loop (a reset, at most a second). Any context.
 */
uint64_t vmem_host_now_ms(void);

/* Spend a moment inside a loop that waits: a processor's pause instruction, or nothing. */
void vmem_host_relax(void);

/*
 * One line for a person, without "\n". device: its name ("vmem0"), or where it is
 * ("pci 0000:00:04.0") before it has one. May drop it. Not called from an interrupt but for
 * VMEM_LOG_WARNING.
 */
void vmem_host_log(enum vmem_log_level level, const char *device, const char *line);

/* Whether lines of this level are wanted: what is not wanted is not put together. Any context. */
int vmem_host_log_wanted(enum vmem_log_level level);

/*
 * A call of vmem_service() is due for the device that was attached with this wake_context. Called
 * from the interrupt handlers that the host runs, with interrupts off: set a flag, wake a thread.
 */
void vmem_host_wake(void *wake_context);

/* An invariant of the library itself is broken: the text says which. Does not return. */
__attribute__((noreturn)) void vmem_host_panic(const char *text);

#ifdef __cplusplus
}
#endif

#endif

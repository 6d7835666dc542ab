/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What depends on the processor: memory barriers by role, and device registers of 8, 16 and 32
 * bits. There is no access of 64: virtio 1.4, "PCI Device Layout", has drivers access 64-bit fields
 * as two halves.
 *
 * VMEM_FAKE_ARCH is for tests alone: it names a header that defines the same functions, so that a
 * fake device can act at a barrier and answer for its registers. A kernel leaves it undefined.
 */
#ifndef VMEM_CORE_ARCH_H
#define VMEM_CORE_ARCH_H

#include <stdint.h>

#ifdef VMEM_FAKE_ARCH
#include VMEM_FAKE_ARCH
#else

#if defined(__x86_64__)
#define VMEM_WRITE_BARRIER "" /* stores are ordered, and so are loads */
#define VMEM_READ_BARRIER  ""
#define VMEM_FULL_BARRIER  "mfence"
#elif defined(__aarch64__)
#define VMEM_WRITE_BARRIER "dmb oshst"
#define VMEM_READ_BARRIER  "dmb oshld"
#define VMEM_FULL_BARRIER  "dmb osh"
#elif defined(__riscv)
#define VMEM_WRITE_BARRIER "fence ow, ow"
#define VMEM_READ_BARRIER  "fence ir, ir"
#define VMEM_FULL_BARRIER  "fence iorw, iorw"
#else
#error "this processor's barriers belong here"
#endif

/* Writes before it reach memory that a device reads, and registers, before writes after it. */
static inline void vmem_dma_write_barrier(void)
{
    __asm__ volatile(VMEM_WRITE_BARRIER ::: "memory");
}

/* Reads after it see what a device wrote before what was read before it. */
static inline void vmem_dma_read_barrier(void)
{
    __asm__ volatile(VMEM_READ_BARRIER ::: "memory");
}

/* Writes before it are visible to a device before reads after it are done. */
static inline void vmem_dma_full_barrier(void)
{
    __asm__ volatile(VMEM_FULL_BARRIER ::: "memory");
}

/*
 * Registers: a write comes after the writes to memory before it, and reads of memory come after a
 * read before them. On aarch64 the instruction is written out: a hypervisor cannot decode some that
 * a compiler may choose (those that also move the pointer).
 */
#ifdef __aarch64__
#define VMEM_LOAD(bits, suffix)              \
    __asm__ volatile("ldr" suffix " %w0, %1" \
                     : "=r"(value)           \
                     : "Q"(*(const volatile uint##bits##_t *)address))
#define VMEM_STORE(bits, suffix)                                 \
    __asm__ volatile("str" suffix " %w1, %0"                     \
                     : "=Q"(*(volatile uint##bits##_t *)address) \
                     : "r"(value))
#else
#define VMEM_LOAD(bits, suffix)  (value = *(const volatile uint##bits##_t *)address)
#define VMEM_STORE(bits, suffix) (*(volatile uint##bits##_t *)address = value)
#endif

#define VMEM_DEFINE_REGISTER(bits, suffix)                                               \
    static inline uint##bits##_t vmem_io_read##bits(const volatile void *address)        \
    {                                                                                    \
        uint##bits##_t value;                                                            \
        VMEM_LOAD(bits, suffix);                                                         \
        vmem_dma_read_barrier();                                                         \
        return value;                                                                    \
    }                                                                                    \
    static inline void vmem_io_write##bits(volatile void *address, uint##bits##_t value) \
    {                                                                                    \
        vmem_dma_write_barrier();                                                        \
        VMEM_STORE(bits, suffix);                                                        \
    }

VMEM_DEFINE_REGISTER(8, "b")
VMEM_DEFINE_REGISTER(16, "h")
VMEM_DEFINE_REGISTER(32, "")

#endif
#endif

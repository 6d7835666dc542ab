/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lock for a few instructions' work. No interrupt handler may take one that
 * other code takes with interrupts on; the holder must not wait for anything.
 */
#ifndef TIDE_MM_SPINLOCK_H
#define TIDE_MM_SPINLOCK_H

#include <asm/cpu.h>

#include "include/types.h"

struct spinlock {
    u32 locked; /* 1 while a processor holds it */
};

/* Acquire: what the last holder wrote before spin_unlock() is seen after this. */
static inline void spin_lock(struct spinlock *lock)
{
    while (__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE)) {
        while (__atomic_load_n(&lock->locked, __ATOMIC_RELAXED))
            cpu_relax();
    }
}

static inline void spin_unlock(struct spinlock *lock)
{
    __atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
}

#endif

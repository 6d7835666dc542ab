/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The address decoder of the host programs: which fake answers to which
 * register address or port. An access that nobody claimed fails the test.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_MMIO_H
#define TIDE_TESTS_FAKES_FAKE_MMIO_H

#include "include/types.h"

struct fake_registers {
    u32 (*read)(void *context, u64 offset, unsigned bytes);
    void (*write)(void *context, u64 offset, unsigned bytes, u32 value);
};

/* Answer for [base, base + bytes). Claims must not overlap. */
void fake_mmio_claim(u64 base, u64 bytes, const struct fake_registers *registers, void *context);
void fake_port_claim(u16 base, u16 ports, const struct fake_registers *registers, void *context);

/* Forget every claim: call it in each test's teardown. */
void fake_mmio_reset(void);

#endif

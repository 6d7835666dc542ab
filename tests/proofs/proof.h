/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a harness says to CBMC: take any value, only where a condition holds, and prove one. A local
 * variable without a value has any value, too.
 */
#ifndef TIDE_TESTS_PROOFS_PROOF_H
#define TIDE_TESTS_PROOFS_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASSUME(condition) __CPROVER_assume(condition)
#define PROVE(condition)  __CPROVER_assert(condition, #condition)

/* Without a body: CBMC takes any value that the type has. */
bool nondet_bool(void);
uint8_t nondet_u8(void);
uint16_t nondet_u16(void);
uint32_t nondet_u32(void);
uint64_t nondet_u64(void);

#endif

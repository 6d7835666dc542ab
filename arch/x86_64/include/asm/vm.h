/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where virtual areas lie: the half of the address space that is sign-extended,
 * which the identity map leaves alone. tests/unit replaces it.
 */
#ifndef TIDE_ASM_VM_H
#define TIDE_ASM_VM_H

#include "include/units.h"

#define VM_BASE  ((u64)0xffff800000000000)
#define VM_BYTES (16 * TIB)

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's place for virtual areas: small, so that a test can fill it. See fake_vm.c. */
#ifndef TIDE_ASM_VM_H
#define TIDE_ASM_VM_H

#include "include/units.h"

#define VM_BASE  ((u64)0x300000000000)
#define VM_BYTES (256 * MIB)

#endif

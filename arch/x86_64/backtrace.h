/* SPDX-License-Identifier: BSD-2-Clause */
/* Who called whom, read from the frame pointers; bounded, and only from memory that is a stack. */
#ifndef TIDE_ARCH_BACKTRACE_H
#define TIDE_ARCH_BACKTRACE_H

#include "include/types.h"

/* One line each, "  #N 0xADDRESS name+0xOFFSET"; numbered from `first`. */
void backtrace_print(u64 frame_pointer, unsigned first);

#endif

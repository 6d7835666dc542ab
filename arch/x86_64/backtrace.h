/* SPDX-License-Identifier: BSD-2-Clause */
/* Callers, read from the frame pointers: a bounded number, and only from stacks. */
#ifndef TIDE_ARCH_BACKTRACE_H
#define TIDE_ARCH_BACKTRACE_H

#include "include/types.h"

#define SYMBOL_TEXT_BYTES 80

/* The function that holds the address, if an extra knows, or NULL. */
const char *symbol_lookup(u64 address, u64 *offset);

/* " name+0x12", with the blank, or "". */
const char *symbol_text(u64 address, char text[SYMBOL_TEXT_BYTES]);

/*
 * The same for a return address: the call before it decides the name, because
 * a call that never returns may be the last instruction of its function.
 */
const char *symbol_text_of_caller(u64 return_address, char text[SYMBOL_TEXT_BYTES]);

/* Print one line each, "  #N 0xADDRESS name+0xOFFSET", without the name where no extra knows it.
 * Numbers begin with `first`. */
void backtrace_print(u64 frame_pointer, unsigned first);

#endif

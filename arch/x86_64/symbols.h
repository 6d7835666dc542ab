/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of the kernel's functions, for backtraces.
 *
 * The table is made from the image itself: linked once without it, listed by
 * nm, turned into assembly by symbols.awk, linked again (Makefile).
 */
#ifndef TIDE_ARCH_SYMBOLS_H
#define TIDE_ARCH_SYMBOLS_H

#include "include/types.h"

#define SYMBOL_TEXT_BYTES 80

/* The function that holds the address, or NULL outside the kernel's text. O(log functions). */
const char *symbol_lookup(u64 address, u64 *offset);

/* "name+0x12", or "?" where there is no symbol. */
const char *symbol_text(u64 address, char text[SYMBOL_TEXT_BYTES]);

/*
 * The same for a return address: the call before it decides the name, because
 * a call that never returns may be the last instruction of its function.
 */
const char *symbol_text_of_caller(u64 return_address, char text[SYMBOL_TEXT_BYTES]);

#endif

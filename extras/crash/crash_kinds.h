/* SPDX-License-Identifier: BSD-2-Clause */
/* Crashes that need nothing but the processor. */
#ifndef TIDE_EXTRAS_CRASH_CRASH_KINDS_H
#define TIDE_EXTRAS_CRASH_CRASH_KINDS_H

#include "include/types.h"

/*
 * Do something that must end in a trap report. `kind` is one of the names in
 * arch_crash_kinds(), or an address to read from. Returns, with false, only if kind is
 * neither, or the address could be read.
 */
bool arch_crash(const char *kind);

/* The names, separated by blanks. */
const char *arch_crash_kinds(void);

#endif

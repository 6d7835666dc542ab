/* SPDX-License-Identifier: BSD-2-Clause */
/* Where boot/ hands over to the kernel, and the parts that a host program runs by itself. */
#ifndef TIDE_KERNEL_KMAIN_H
#define TIDE_KERNEL_KMAIN_H

#include "include/boot_info.h"

/* Traps are caught and the console works; the rest is still to be set up. */
_Noreturn void kmain(const struct boot_info *boot);

/* The first part of kmain(): afterwards devices are attached, and the loop can run. */
void kernel_start(const struct boot_info *boot);

/* The second part, once: serve what has work, and sleep if nothing had. */
void kernel_turn(void);

#endif

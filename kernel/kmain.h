/* SPDX-License-Identifier: BSD-2-Clause */
/* Where boot/ hands over to the kernel. */
#ifndef TIDE_KERNEL_KMAIN_H
#define TIDE_KERNEL_KMAIN_H

#include "include/boot_info.h"

/* Traps are caught and the console works; the rest is still to be set up. */
_Noreturn void kmain(const struct boot_info *boot);

#endif

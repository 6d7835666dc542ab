/* SPDX-License-Identifier: BSD-2-Clause */
/* The Multiboot2 boot protocol, as boot/ asks for it. */
#ifndef TIDE_EXTRAS_MULTIBOOT2_MULTIBOOT2_H
#define TIDE_EXTRAS_MULTIBOOT2_MULTIBOOT2_H

#include "include/types.h"

struct boot_info;
struct memory_map;

/* True if this is what a loader of Multiboot2 leaves in eax. */
bool multiboot2_detect(u32 loader_eax);

/* Copy the command line, the memory map, the RSDP, where the first module lies, and what is said of
 * the screen. Errors are reported there. */
must_check int multiboot2_parse(u32 loader_ebx, struct boot_info *info, struct memory_map *map);

#endif

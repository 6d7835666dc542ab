/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages that run code which is no part of the image. As platform_map_ram(). */
#ifndef TIDE_EXTRAS_PAGE_RIGHTS_H
#define TIDE_EXTRAS_PAGE_RIGHTS_H

#include "include/types.h"

/*
 * Make pages of RAM or firmware that are mapped writable, or executable and read-only. E_INVAL if
 * they meet the kernel's image, E_NOMEM.
 */
must_check int paging_make_executable(paddr_t paddr, u64 bytes);
must_check int paging_make_writable(paddr_t paddr, u64 bytes);

#endif

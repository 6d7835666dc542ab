/* SPDX-License-Identifier: BSD-2-Clause */
/* See account.h. */
#include "mm/account.h"

#include "mm/page_debug.h"

#ifdef TIDE_DEBUG
const struct page_debug *page_debug;
#endif

u64 account_managed[2];
u64 account_used[2];
u64 account_listed[LISTED_OTHER + 1];

void account_init(void)
{
    account_managed[false] = account_managed[true] = 0;
    account_used[false] = account_used[true] = 0;
    account_listed[LISTED_FULL] = account_listed[LISTED_EMPTIED] = 0;
}
